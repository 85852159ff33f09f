"""Positions as people see them: hedges with both legs, marks where they are fresh, and null where they are not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from propbot import config, statements
from propbot.clock import utc_now
from propbot.http.paging import Page
from trading.choices import HEDGE_ENDED, HEDGE_EXPOSED, HedgeStatus, PositionSide
from trading.models import Hedge, Leg
from trading.quotes import BoardUnavailableError, board
from trading.selectors.attribution import attribution_payload, funding_by_hedge
from trading.selectors.market import allowed_symbols
from trading.selectors.position_rows import (
    SIMULATED,
    AnyHedge,
    AnyLeg,
    HedgeRow,
    LegRow,
    PositionFilters,
    position_rows,
    positions_counted,
)
from trading.venues.base import Mark

ZERO = Decimal(0)
# A mark moves slower than a quote and is sent every few seconds by both venues.
MARK_AGE_FACTOR = 5
Marks = Mapping[tuple[str, str], Mark]


@dataclass(frozen=True)
class FreshMarks:
    """Marks by (venue, symbol), and whether one is fresh enough to value a leg with."""

    marks: Marks
    now: datetime
    max_age_ms: int

    def age_ms(self, mark: Mark) -> int:
        oldest = mark.received_at if mark.venue_at is None else min(mark.venue_at, mark.received_at)
        return max(0, int((self.now - oldest) / timedelta(milliseconds=1)))

    def of(self, venue: str, symbol: str) -> tuple[Decimal | None, int | None]:
        """(mark price, age in ms); the price is None when there is none or it is too old (unknown is not zero)."""
        mark = self.marks.get((venue, symbol))
        if mark is None:
            return None, None
        age = self.age_ms(mark)
        return (mark.mark_price if age <= self.max_age_ms else None), age


def marks_read(symbols: Sequence[str]) -> FreshMarks:
    now, longest = utc_now(), config.values().integer("MAX_QUOTE_AGE_MS") * MARK_AGE_FACTOR
    try:
        return FreshMarks(board().marks(symbols) if symbols else {}, now, longest)
    except BoardUnavailableError:
        return FreshMarks({}, now, longest)


def shown_status(hedge: AnyHedge) -> str:
    """The API shows ``simulated`` for an open simulated hedge (SPEC 6)."""
    return SIMULATED if hedge.simulated and hedge.status == HedgeStatus.OPEN else hedge.status


def direction(leg: AnyLeg) -> int:
    return 1 if leg.position_side == PositionSide.LONG else -1


def leg_unrealized(leg: AnyLeg, mark_price: Decimal | None) -> Decimal | None:
    """Against the mark, of what the leg still holds; None when it cannot be known."""
    if not leg.quantity:
        return ZERO
    if mark_price is None or leg.entry_price is None:
        return None
    figure: Decimal = (mark_price - leg.entry_price) * leg.quantity * direction(leg)
    return figure


def leg_payload(leg: LegRow, hedge: HedgeRow, marks: FreshMarks) -> dict[str, Any]:
    mark_price, age = marks.of(leg.venue, leg.symbol) if leg.quantity else (None, None)
    price = leg.entry_price if leg.entry_price is not None else mark_price
    return {
        "venue": leg.venue,
        "symbol": leg.symbol,
        "side": leg.position_side,
        "status": "open" if leg.quantity else ("closed" if leg.entered_quantity else "empty"),
        "notional_usdt": None if price is None else leg.quantity * price,
        "base_size": leg.quantity,
        "entered_size": leg.entered_quantity,
        "entry_price": leg.entry_price,
        "exit_price": leg.exit_price,
        "fees_usdt": leg.fees_usdt,
        "mark_price": mark_price,
        "mark_age_ms": age,
        "unrealized_pnl_usdt": leg_unrealized(leg, mark_price),
        "timestamp": hedge.opened_at or hedge.created_at,
    }


def total_or_none(values: Iterable[Decimal | None]) -> Decimal | None:
    known = list(values)
    return None if None in known else sum((value for value in known if value is not None), ZERO)


def position_payload(
    hedge: HedgeRow, held: Sequence[LegRow], marks: FreshMarks, funding: Mapping[UUID, Decimal]
) -> dict[str, Any]:
    legs = [leg_payload(leg, hedge, marks) for leg in held]
    return {
        "id": hedge.pk,
        "symbol": hedge.symbol,
        "status": shown_status(hedge),
        "outstanding_risk": hedge.status == HedgeStatus.PARTIAL,
        "strategy": hedge.strategy,
        "long_venue": hedge.long_venue,
        "short_venue": hedge.short_venue,
        "notional_usdt": hedge.notional_usdt,
        "base_size": hedge.quantity,
        "leverage": hedge.leverage,
        "entry_long_price": hedge.entry_long_price,
        "entry_short_price": hedge.entry_short_price,
        "entry_spread_bps": hedge.entry_spread_bps,
        "expected_net_edge_bps": hedge.expected_net_edge_bps,
        "unrealized_pnl_usdt": total_or_none(leg["unrealized_pnl_usdt"] for leg in legs),
        "realized_pnl_usdt": hedge.realized_pnl_usdt,
        "attribution": attribution_payload(hedge, held, funding),
        "simulated": hedge.simulated,
        "initiator": hedge.initiator,
        "failure_reason": hedge.failure_reason or None,
        "close_reason": hedge.close_reason or None,
        "timestamp": hedge.opened_at or hedge.created_at,
        "closed_at": hedge.closed_at,
        "legs": legs,
    }


@dataclass(frozen=True)
class Held:
    """All legs of one venue, symbol and side together: base units held, and their cost at entry in USDT.

    ``unpriced`` counts legs without an entry price: their cost, and so the group's, is unknown.
    """

    venue: str
    symbol: str
    side: str
    quantity: Decimal
    entered_usdt: Decimal
    unpriced: int

    def unrealized(self, mark_price: Decimal | None) -> Decimal | None:
        if mark_price is None or self.unpriced:
            return None
        gain = mark_price * self.quantity - self.entered_usdt
        return gain if self.side == PositionSide.LONG else -gain

    def notional(self, mark_price: Decimal | None) -> Decimal | None:
        """At the mark, else at what was paid."""
        if mark_price is not None:
            return self.quantity * mark_price
        return None if self.unpriced else self.entered_usdt


# Grouped by the hedge's kind and joined from the legs: asked for one kind alone, the planner expects a handful of legs
# and sorts thousands.
HELD = """
SELECT h.simulated, l.venue, l.symbol, l.position_side, trim_scale(sum(l.quantity)),
       trim_scale(coalesce(sum(l.quantity * l.entry_price), 0)), count(*) FILTER (WHERE l.entry_price IS NULL)
  FROM trading_leg l
  LEFT JOIN trading_hedge h ON h.id = l.hedge_id AND h.status IN ('open', 'partial', 'closing')
 WHERE l.quantity > 0 GROUP BY 1, 2, 3, 4
"""


def held_groups(*, simulated: bool) -> list[Held]:
    """One row for each venue, symbol and side, however many hedges hold something there."""
    return [Held(*figures) for kind, *figures in statements.rows(HELD) if kind is simulated]


def venue_exposure(groups: Iterable[Held], marks: FreshMarks) -> dict[str, dict[str, Decimal | None]]:
    """Long, short and net notional per venue, at the mark, else at the entry price."""
    held: dict[str, dict[str, list[Decimal | None]]] = {}
    for group in groups:
        sides = held.setdefault(group.venue, {PositionSide.LONG: [], PositionSide.SHORT: []})
        sides[group.side].append(group.notional(marks.of(group.venue, group.symbol)[0]))
    return {venue: _sides(sides) for venue, sides in sorted(held.items())}


def _sides(sides: dict[str, list[Decimal | None]]) -> dict[str, Decimal | None]:
    long, short = total_or_none(sides[PositionSide.LONG]), total_or_none(sides[PositionSide.SHORT])
    net = None if long is None or short is None else long - short
    return {"long_notional": long, "short_notional": short, "net_usdt": net}


def held_legs(*, simulated: bool) -> list[Leg]:
    return list(Leg.objects.filter(hedge__status__in=HEDGE_EXPOSED, hedge__simulated=simulated, quantity__gt=0))


def exposures() -> dict[str, dict[str, Decimal | None]]:
    """Real exposure per venue (law 10)."""
    groups = held_groups(simulated=False)
    return venue_exposure(groups, marks_read(sorted({group.symbol for group in groups})))


def positions_payload(filters: PositionFilters, page: Page) -> dict[str, Any]:
    """The answer of GET /api/ui/positions. ``totals`` are over all real hedges held, not over the page."""
    total, rows = positions_counted(filters), position_rows(filters, page)
    held = held_groups(simulated=False)
    marks = marks_read(sorted({row.symbol for row, _ in rows} | {group.symbol for group in held}))
    unrealized = total_or_none(group.unrealized(marks.of(group.venue, group.symbol)[0]) for group in held)
    funding = funding_by_hedge([row for row, _ in rows if row.realized_pnl_usdt is not None])
    return {
        "positions": [position_payload(row, legs, marks, funding) for row, legs in rows],
        "exposure": venue_exposure(held, marks),
        "totals": {"unrealized_pnl_usdt": unrealized, "incomplete": unrealized is None},
        "total": total,
        "limit": page.limit,
        "offset": page.offset,
        "next_offset": page.next_offset(total),
    }


def position_counts() -> dict[str, int]:
    """Open, partial and simulated hedges, for the dashboard's trend."""
    real = Hedge.objects.filter(simulated=False)
    return {
        "open": real.filter(status=HedgeStatus.OPEN).count(),
        "partial": real.filter(status=HedgeStatus.PARTIAL).count(),
        "simulated": Hedge.objects.filter(simulated=True).exclude(status__in=HEDGE_ENDED).count(),
    }


def hedge_named(hedge_id: UUID) -> Hedge | None:
    return Hedge.objects.prefetch_related("legs").filter(pk=hedge_id).first()


def watched_symbols() -> list[str]:
    """What must be quoted: allowed symbols, and those of hedges that are not ended."""
    held = Hedge.objects.exclude(status__in=HEDGE_ENDED).values_list("symbol", flat=True)
    return sorted({*allowed_symbols(), *held})
