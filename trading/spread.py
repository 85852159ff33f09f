"""The spread of a pair, what it costs to earn it, and what is left: the net edge. Pure.

Units: prices in USDT, quantities in base units, everything else in bps of the long venue's ask (SPEC 3). A part that
is not known makes the net edge unknown; it is never taken as zero (law 9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

BPS = Decimal(10_000)
ZERO = Decimal(0)
SHOWN = Decimal("0.000001")

Levels = Sequence[tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Touch:
    """One venue's side of the pair: levels as (price, base quantity), best first. A quote is a book of one level."""

    venue: str
    bids: Levels
    asks: Levels

    @property
    def mid(self) -> Decimal:
        return (self.bids[0][0] + self.asks[0][0]) / 2

    @property
    def half_spread(self) -> Decimal:
        return (self.asks[0][0] - self.bids[0][0]) / 2


@dataclass(frozen=True, slots=True)
class GrossSpread:
    """Short venue's bid minus long venue's ask: in USDT per unit, and in bps of the long ask."""

    long_venue: str
    short_venue: str
    cheap_ask: Decimal
    expensive_bid: Decimal
    spread: Decimal
    spread_bps: Decimal


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """``rate`` is a fraction per interval, positive when longs pay."""

    rate: Decimal
    interval_hours: Decimal
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Costs:
    """The parts of the net edge, in bps of the long ask; None is unknown. Negative ones earn."""

    standing_basis_bps: Decimal | None
    entry_fees_bps: Decimal | None
    exit_fees_bps: Decimal | None
    slippage_bps: Decimal | None
    funding_bps: Decimal | None

    def parts(self) -> dict[str, Decimal | None]:
        return {name: getattr(self, name) for name in self.__slots__}

    def unknown(self) -> list[str]:
        return [name for name, value in self.parts().items() if value is None]

    def total(self) -> Decimal | None:
        values = [value for value in self.parts().values() if value is not None]
        return sum(values, ZERO) if len(values) == len(self.__slots__) else None


def gross_spread(*, long: Touch, short: Touch) -> GrossSpread:
    ask, bid = long.asks[0][0], short.bids[0][0]
    spread = bid - ask
    return GrossSpread(long.venue, short.venue, ask, bid, spread, (spread / ask * BPS).quantize(SHOWN))


def filled_cost(levels: Levels, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """What walking the levels costs: (quantity that they hold, its value in USDT), at most ``quantity``."""
    rest, value = quantity, ZERO
    for price, size in levels:
        taken = min(rest, size)
        value += taken * price
        rest -= taken
        if rest <= 0:
            break
    return quantity - rest, value


def slippage_of_leg(levels: Levels, quantity: Decimal, limit_bps: Decimal) -> Decimal | None:
    """Expected distance of the average price from the touch, in bps; None without levels or for no quantity.

    What the known levels do not hold is counted at the limit price: the worst at which the order can fill.
    """
    if not levels or not quantity > 0:
        return None
    touch = levels[0][0]
    held, value = filled_cost(levels, quantity)
    known = abs(value - held * touch) / touch * BPS
    return (known + (quantity - held) * limit_bps) / quantity


def slippage_bps(*, long: Touch, short: Touch, quantity: Decimal, limit_bps: Decimal) -> Decimal | None:
    """Entry and exit of both legs at size. The exit crosses from mid to touch, where the basis is measured."""
    walks = (long.asks, short.bids, long.bids, short.asks)
    parts = [slippage_of_leg(levels, quantity, limit_bps) for levels in walks]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    crossing = (long.half_spread + short.half_spread) / long.asks[0][0] * BPS
    return (sum(known, ZERO) + crossing).quantize(SHOWN)


def settlements(terms: FundingTerms, now: datetime, until: datetime) -> int:
    """How often funding settles in (now, until]."""
    if terms.next_at > until:
        return 0
    interval = timedelta(hours=float(terms.interval_hours))
    return 1 + int((until - terms.next_at) / interval)


def funding_of_leg(terms: FundingTerms | None, now: datetime, until: datetime) -> Decimal | None:
    """What a long pays in (now, until], in bps; None without terms, or with a settlement time in the past (C8)."""
    if terms is None or terms.next_at <= now or not terms.interval_hours > 0:
        return None
    return terms.rate * BPS * settlements(terms, now, until)


def funding_bps(
    *, long: FundingTerms | None, short: FundingTerms | None, now: datetime, holding_seconds: int
) -> Decimal | None:
    """Funding over the expected holding time at today's rates; positive when the hedge pays."""
    until = now + timedelta(seconds=holding_seconds)
    paid, received = funding_of_leg(long, now, until), funding_of_leg(short, now, until)
    return None if paid is None or received is None else (paid - received).quantize(SHOWN)


def fees_bps(long_fee_bps: Decimal | None, short_fee_bps: Decimal | None) -> Decimal | None:
    """One fill on each venue; the short leg's notional differs by the spread, which is neglected."""
    return None if long_fee_bps is None or short_fee_bps is None else long_fee_bps + short_fee_bps


def net_edge_bps(spread_bps: Decimal, costs: Costs) -> Decimal | None:
    total = costs.total()
    return None if total is None else spread_bps - total
