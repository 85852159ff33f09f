"""Depth around a touch: what the model, and every recording of quotes alone, puts behind the best prices.

Calibration (recordings of data/README.md, all of BTCUSDT on Binance USD-M):
- touch sizes: 86,304 quotes of 2026-01-01 are lognormal with a median of 5.8 BTC (about 500,000 USDT),
  a standard deviation of ln(size) of 1.04 and an autocorrelation of 0.81 at one second;
- depth behind it: the 1,000 level snapshot of 2024-08-08 holds 9 to 30 BTC within 2 bps, 50 to 59 within 5
  and 129 to 132 within 10, hence 0.5 touches per bps at the touch rising to 3 from 5 bps on.
"""

import math
import random
from dataclasses import dataclass

from trading.simulator.ladder import Ladder, Level

TOUCH_SIGMA = 1.04
LEVELS = 40
REACH_BPS = 25.0
TOUCH_PARTS, TOUCH_TENTHS = 10, 50
TABLE = 8192  # a power of two: indexed with a mask


def density(bps: float) -> float:
    """Touches of volume per bps at this distance from the touch."""
    return 0.5 + 0.5 * min(bps, 5.0)


def offsets(tick_bps: float) -> list[int]:
    """Distances of the levels in ticks: dense at the touch, reaching REACH_BPS where ticks are fine."""
    reach = max(LEVELS, int(REACH_BPS / tick_bps))
    growth = reach ** (1 / LEVELS)
    result = [0]
    for level in range(1, LEVELS):
        result.append(max(result[-1] + 1, round(growth**level)))
    return result


@dataclass
class DepthProfile:
    """Level sizes of one book: a fixed profile times lognormal factors redrawn at fixed market times."""

    seed: int
    touch_lots: float
    tick_bps: float

    def __post_init__(self) -> None:
        self.offsets = offsets(self.tick_bps)
        gaps = [after - before for before, after in zip(self.offsets, self.offsets[1:], strict=False)]
        self.profile = [
            self.touch_lots * density(offset * self.tick_bps) * gap * self.tick_bps
            for offset, gap in zip(self.offsets[1:], gaps, strict=True)
        ]
        generator = random.Random(self.seed)  # noqa: S311 - a market model, not a secret
        self._factors = [math.exp(generator.gauss(0, TOUCH_SIGMA)) for _ in range(TABLE)]

    def _factor(self, side: int, level: int, epoch: int) -> float:
        return self._factors[hash((self.seed, side, level, epoch)) & (TABLE - 1)]

    def touch(self, side: int, at: float) -> int:
        """Touch size in lots: ten factors, each redrawn every five seconds, give the measured autocorrelation of 0.8."""
        tenths = int(at * 10) + (3 if side > 0 else 0)
        parts = [self._factor(side, part, (tenths + 5 * part) // TOUCH_TENTHS) for part in range(TOUCH_PARTS)]
        return max(1, round(self.touch_lots * math.prod(parts) ** (1 / math.sqrt(TOUCH_PARTS))))

    def behind(self, best: int, side: int, at: float) -> list[Level]:
        """The levels behind a best price in ticks; `side` is -1 for bids, 1 for asks."""
        tenths = int(at * 10) + (11 if side > 0 else 0)
        levels = []
        for number, (offset, size) in enumerate(zip(self.offsets[1:], self.profile, strict=True), start=1):
            price = best + side * offset
            if price <= 0:
                break
            epoch = (tenths + 7 * number) // (8 + 2 * number)
            levels.append((price, max(1, round(size * self._factor(side, 10 + number, epoch)))))
        return levels

    def ladder(self, bid: Level, ask: Level, at: float) -> Ladder:
        """A whole ladder around a given touch."""
        return Ladder([bid, *self.behind(bid[0], -1, at)], [ask, *self.behind(ask[0], 1, at)])
