"""How much and at which price: the common lot of two venues, minimums, prices through the touch. Pure, Decimal only.

Quantities are base units, prices and notionals USDT, distances basis points (1 bps = 1/10,000).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import gcd, lcm
from typing import Literal

from risk.intents import OrderIntent
from trading.venues.base import Quote

BPS = Decimal(10_000)
ZERO = Decimal(0)
Side = Literal["buy", "sell"]
LegName = Literal["long", "short"]


class BelowMinimumError(ValueError):
    """The wish is smaller than what both venues take. ``minimum_usdt`` is the least notional that passes."""

    def __init__(self, notional: Decimal, minimum_usdt: Decimal) -> None:
        super().__init__(f"notional {notional:f} is below the venues' minimum {minimum_usdt:f} USDT")
        self.notional = notional
        self.minimum_usdt = minimum_usdt


@dataclass(frozen=True)
class Grid:
    """What one venue takes of one symbol: Instrument's sizes, base units and USDT."""

    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None = None
    min_notional_usdt: Decimal | None = None


@dataclass(frozen=True)
class EntryPlan:
    """Everything that was decided about one entry; the engine adds nothing but what the venues answer.

    ``first_leg`` is the thinner venue's. Prices are limit prices through the touch, on tick. ``quantity`` lies on the
    common lot. ``quotes`` are those decided on, by venue: their age is checked again right before each send.
    ``costs_bps`` are the parts of the net edge; ``inputs`` whatever else replays the decision (JSON values).
    """

    intent: OrderIntent
    first_leg: LegName
    long_price: Decimal
    short_price: Decimal
    quantity: Decimal
    post_only: bool
    quotes: Mapping[str, Quote]
    decided_at: datetime
    decided_monotonic_ms: int
    simulated: bool
    spread_bps: Decimal = ZERO
    expected_net_edge_bps: Decimal = ZERO
    limits_version: int | None = None
    costs_bps: Mapping[str, Decimal] = field(default_factory=dict)
    inputs: Mapping[str, object] = field(default_factory=dict)

    def venue(self, leg: LegName) -> str:
        return self.intent.long_venue if leg == "long" else self.intent.short_venue

    def price(self, leg: LegName) -> Decimal:
        return self.long_price if leg == "long" else self.short_price

    @property
    def second_leg(self) -> LegName:
        return "short" if self.first_leg == "long" else "long"


def common_lot(first: Decimal, second: Decimal) -> Decimal:
    """The least common multiple of two lot sizes, exact: 0.001 and 0.0001 -> 0.001; 0.4 and 0.6 -> 1.2.

    lcm(a/b, c/d) of reduced fractions is lcm(a, c) / gcd(b, d); both sizes must be positive.
    """
    if first <= 0 or second <= 0:
        raise ValueError(f"lot sizes must be positive, not {first} and {second}")
    (a, b), (c, d) = first.as_integer_ratio(), second.as_integer_ratio()
    return Decimal(lcm(a, c)) / Decimal(gcd(b, d))


def round_down(quantity: Decimal, lot: Decimal) -> Decimal:
    """The largest multiple of ``lot`` that is not above ``quantity``."""
    return (quantity / lot).to_integral_value(rounding=ROUND_FLOOR) * lot


def round_up(quantity: Decimal, lot: Decimal) -> Decimal:
    return (quantity / lot).to_integral_value(rounding=ROUND_CEILING) * lot


def limit_price(touch: Decimal, side: Side, bps: Decimal, tick: Decimal) -> Decimal:
    """``touch`` is the ask for a buy, the bid for a sell; the price lies ``bps`` through it, never farther, on tick.

    A buy rounds down and a sell up, so that the distance given is a bound; a touch off tick still trades.
    """
    if side == "buy":
        return max(round_down(touch * (1 + bps / BPS), tick), round_up(touch, tick))
    return max(min(round_up(touch * (1 - bps / BPS), tick), round_down(touch, tick)), tick)


def quote_price(quote: Quote, side: Side, bps: Decimal, tick: Decimal) -> Decimal:
    return limit_price(quote.ask if side == "buy" else quote.bid, side, bps, tick)


def minimum_quantity(long_grid: Grid, short_grid: Grid, price: Decimal) -> Decimal:
    """The least quantity on the common lot that both venues take at ``price``."""
    lot = common_lot(long_grid.lot_size, short_grid.lot_size)
    notionals = [grid.min_notional_usdt or ZERO for grid in (long_grid, short_grid)]
    least = max(long_grid.min_quantity, short_grid.min_quantity, *(value / price for value in notionals), lot)
    return round_up(least, lot)


def entry_quantity(notional_usdt: Decimal, long_grid: Grid, short_grid: Grid, price: Decimal) -> Decimal:
    """``notional_usdt`` at ``price`` on the common lot, rounded down and within both venues' maximum.

    ``price`` is the cheaper leg's limit price, so that neither leg falls below a minimum notional. Raises
    BelowMinimumError with the least notional that would pass.
    """
    if price <= 0:
        raise ValueError(f"the price must be positive, not {price}")
    lot = common_lot(long_grid.lot_size, short_grid.lot_size)
    caps = [grid.max_quantity for grid in (long_grid, short_grid) if grid.max_quantity is not None]
    quantity = round_down(min([notional_usdt / price, *caps]), lot)
    least = minimum_quantity(long_grid, short_grid, price)
    if quantity < least:
        raise BelowMinimumError(notional_usdt, round_up(least * price, Decimal("0.01")))
    return quantity


def adverse_bps(planned: Decimal, price: Decimal, side: Side) -> Decimal:
    """How much worse than ``planned`` a ``price`` is for this side, in bps; negative is better."""
    worse = price - planned if side == "buy" else planned - price
    return worse / planned * BPS
