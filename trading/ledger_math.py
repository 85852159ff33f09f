"""The arithmetic of the ledger: what fills, fees and funding make of a leg and of a hedge. Pure, Decimal only.

Invariants: entered less exited is held; realized is booked at the average entry price of what left; once everything
has left, realized plus funding less fees is exactly the cash that moved, whatever the order of the fills.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import UUID

ZERO = Decimal(0)
STORED = Decimal("1e-18")


@dataclass(frozen=True)
class FillFact:
    """One trade: base quantity, price in USDT, fee in USDT (positive when paid)."""

    side: str
    quantity: Decimal
    price: Decimal
    fee_usdt: Decimal


@dataclass(frozen=True)
class LegFigures:
    """Base units and USDT. Averages are None without a fill."""

    entered: Decimal
    exited: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    fees_usdt: Decimal
    price_pnl_usdt: Decimal

    @property
    def held(self) -> Decimal:
        return self.entered - self.exited


def _totals(fills: Iterable[FillFact]) -> tuple[Decimal, Decimal]:
    quantity, value = ZERO, ZERO
    for fill in fills:
        quantity += fill.quantity
        value += fill.quantity * fill.price
    return quantity, value


def stored(value: Decimal) -> Decimal:
    """To the column's 18 digits."""
    return value.quantize(STORED, rounding=ROUND_HALF_EVEN)


def leg_figures(position_side: str, fills: Sequence[FillFact]) -> LegFigures:
    """``position_side`` long enters by buying, short by selling. Exits beyond the entries count at no gain."""
    enters = "buy" if position_side == "long" else "sell"
    entered, entry_value = _totals(fill for fill in fills if fill.side == enters)
    exited, exit_value = _totals(fill for fill in fills if fill.side != enters)
    left_at_cost = entry_value * exited / entered if entered else exit_value
    gain = exit_value - left_at_cost
    return LegFigures(
        entered=entered,
        exited=exited,
        entry_price=stored(entry_value / entered) if entered else None,
        exit_price=stored(exit_value / exited) if exited else None,
        fees_usdt=sum((fill.fee_usdt for fill in fills), ZERO),
        price_pnl_usdt=stored(gain if position_side == "long" else -gain),
    )


def unrealized(position_side: str, held: Decimal, entry_price: Decimal | None, mark: Decimal | None) -> Decimal | None:
    """USDT at the mark; None without a mark or an entry price, unless nothing is held (law 9)."""
    if not held:
        return ZERO
    if entry_price is None or mark is None:
        return None
    gain = (mark - entry_price) * held
    return gain if position_side == "long" else -gain


def realized(legs: Iterable[LegFigures], funding_usdt: Decimal) -> Decimal:
    """Price gains less fees plus funding, in USDT."""
    return sum((leg.price_pnl_usdt - leg.fees_usdt for leg in legs), ZERO) + funding_usdt


@dataclass(frozen=True)
class Holding:
    """What one hedge held on a venue over a time: for sharing funding."""

    hedge_id: UUID
    quantity: Decimal
    opened_at: datetime
    closed_at: datetime | None

    def held_at(self, moment: datetime) -> bool:
        return self.opened_at <= moment and (self.closed_at is None or moment < self.closed_at)


def share(amount: Decimal, holdings: Sequence[Holding], at: datetime) -> list[tuple[UUID, Decimal]]:
    """``amount`` among the hedges that held the position ``at``, by quantity; the parts add up exactly.

    Empty when nobody held anything: the payment is then nobody's and says so.
    """
    holders = [holding for holding in holdings if holding.held_at(at) and holding.quantity]
    total = sum((holding.quantity for holding in holders), ZERO)
    if not total:
        return []
    parts = [(h.hedge_id, (amount * h.quantity / total).quantize(Decimal("1e-12"))) for h in holders]
    rest = amount - sum((part for _, part in parts), ZERO)
    last, part = parts[-1]
    return [*parts[:-1], (last, part + rest)]


@dataclass(frozen=True)
class Running:
    """A strategy's running total, its highest so far, and the deepest fall from it, in USDT."""

    total: Decimal = ZERO
    peak: Decimal = ZERO
    drawdown: Decimal = ZERO

    def after(self, amount: Decimal) -> "Running":
        total = self.total + amount
        peak = max(self.peak, total)
        return Running(total, peak, max(self.drawdown, peak - total))
