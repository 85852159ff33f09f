"""The default market: a seeded model with the measured statistics of the two venues.

Everything here is modelled and labelled "model". The figures and where they were measured:
- moves: 91.5 % of the seconds of 2026-01-01 do not move the BTCUSDT mid; one second returns have a kurtosis
  of 119; the volatility is 0.31 bps per square root of a second at 60 s and at 300 s. Hence jumps at 0.088 per
  second with Laplace sizes. In the week of 2025-04-06 it was 1.43 (ETH 1.57 times that of BTC): `volatility`
  multiplies the calm figure, 4.5 gives such a week;
- spread: one tick in 99.93 % of the quotes, else a few;
- basis: closes of 2025-04-06 to 10, OKX over Binance: mean +4.8 bps (BTC), +5.1 (ETH), standard deviation 0.95
  and 1.1; autocorrelation 0.93 at one minute (2026-01-01), hence a mean reversion time of 830 s;
- funding: mean and standard deviation per 8 hours 0.44 and 0.40 bps (Binance BTC), 0.17 and 0.41 (OKX BTC),
  with the correlation of the venues at about 0.5.
"""

import math
import random
from collections.abc import Iterator

from trading.simulator.depth import DepthProfile
from trading.simulator.instruments import BINANCE, Instrument, Listing
from trading.simulator.ladder import Ladder

MOVES_PER_SECOND = 0.088
CALM_BPS_PER_ROOT_SECOND = 0.316
BASIS_MEAN_BPS = 5.0
BASIS_SD_BPS = 1.0
BASIS_REVERSION_SECONDS = 830.0
BASIS_STEP_SECONDS = 2.0
WIDE_SPREAD_PROBABILITY = 0.0007
FUNDING_MEAN = {BINANCE: 0.44e-4}
FUNDING_MEAN_OKX = 0.17e-4
FUNDING_SD = 0.41e-4
FUNDING_COMMON = math.sqrt(0.5)


def derived_seed(*parts: object) -> int:
    """A stable seed from words and numbers: hash() of text changes with every process."""
    return random.Random("|".join(map(str, parts))).getrandbits(62)  # noqa: S311


class PricePath:
    """Binance's mid of one symbol as a jump process, and the basis of the other venue over it.

    Time only moves forward: asking for an earlier time returns the latest state.
    """

    def __init__(self, seed: int, price: float, volatility: float) -> None:
        self._moves = random.Random(derived_seed(seed, "moves"))  # noqa: S311
        self._basis_moves = random.Random(derived_seed(seed, "basis"))  # noqa: S311
        self._scale_bps = CALM_BPS_PER_ROOT_SECOND * volatility / math.sqrt(2 * MOVES_PER_SECOND)
        self.minute_sd = CALM_BPS_PER_ROOT_SECOND * volatility * math.sqrt(60) / 1e4
        self._next_move = self._moves.expovariate(MOVES_PER_SECOND)
        self.mid = price
        self._basis_step = 0
        self.basis_bps = self._basis_moves.gauss(BASIS_MEAN_BPS, BASIS_SD_BPS)

    def advance(self, at: float) -> None:
        while self._next_move <= at:
            size = self._moves.expovariate(1.0) * self._scale_bps * self._moves.choice((-1, 1))
            self.mid *= math.exp(size / 1e4)
            self._next_move += self._moves.expovariate(MOVES_PER_SECOND)
        while self._basis_step < int(at / BASIS_STEP_SECONDS):
            self._step_basis()

    def _step_basis(self) -> None:
        self._basis_step += 1
        keep = math.exp(-BASIS_STEP_SECONDS / BASIS_REVERSION_SECONDS)
        noise = self._basis_moves.gauss(0, BASIS_SD_BPS * math.sqrt(1 - keep * keep))
        self.basis_bps = BASIS_MEAN_BPS + (self.basis_bps - BASIS_MEAN_BPS) * keep + noise


class ModelFeed:
    """One venue's book of a symbol around the shared path."""

    def __init__(self, instrument: Instrument, path: PricePath, seed: int, listing: Listing) -> None:
        self.label = "model"
        self.instrument, self.path = instrument, path
        self._seed, self._symbol_seed = (
            derived_seed(seed, instrument.venue, instrument.symbol),
            derived_seed(seed, instrument.symbol),
        )
        self._tick = float(instrument.tick)
        touch_lots = listing.touch_usdt / path.mid / float(instrument.lot)
        self._past = [self._mid() / self._tick]
        self._past_moves = random.Random(derived_seed(self._symbol_seed, "past"))  # noqa: S311
        self.depth = DepthProfile(self._seed, touch_lots, self._tick / path.mid * 1e4)

    def frames(self, at: float) -> Iterator[Ladder]:
        self.path.advance(at)
        bid = max(2, round(self._mid() / self._tick - 0.5))
        ask = bid + self._spread(at)
        yield self.depth.ladder((bid, self.depth.touch(-1, at)), (ask, self.depth.touch(1, at)), at)

    def _mid(self) -> float:
        return self.path.mid if self.instrument.venue == BINANCE else self.path.mid * (1 + self.path.basis_bps / 1e4)

    def _spread(self, at: float) -> int:
        draw = hash((self._seed, int(at))) % 10_000
        return 1 if draw >= WIDE_SPREAD_PROBABILITY * 10_000 else 2 + draw

    def before(self, minutes: int) -> float:
        while len(self._past) <= minutes:
            self._past.append(self._past[-1] * math.exp(self._past_moves.gauss(0, self.path.minute_sd)))
        return self._past[minutes]

    def mark_premium(self, at: float) -> float:
        return 0.0

    def funding_rate(self, slot_ms: int) -> float:
        common = random.Random(derived_seed(self._symbol_seed, slot_ms)).gauss(0, 1)  # noqa: S311
        own = random.Random(derived_seed(self._seed, slot_ms)).gauss(0, 1)  # noqa: S311
        noise = FUNDING_COMMON * common + math.sqrt(1 - FUNDING_COMMON**2) * own
        mean = FUNDING_MEAN.get(self.instrument.venue, FUNDING_MEAN_OKX)
        return round(max(-0.0075, min(0.0075, mean + FUNDING_SD * noise)), 8)
