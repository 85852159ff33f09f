"""One hedge's life on a time line: decision, orders, fills, funding, audit; expected beside realized."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from audit.models import AuditRecord
from propbot import statements
from propbot.console.exports import flatten
from propbot.console.hedge_story import (
    against_expectation,
    decided_quotes,
    expected_parts,
    order_stories,
    outcome_parts,
)
from propbot.console.replay import replay
from propbot.http.paging import Page
from trading.models import Fill, FundingPayment, Hedge, HedgeAttempt, Leg, Order, OrderEvent
from trading.selectors.attribution import attribution_payload, funding_by_hedge

MOST_COUNTED = 1_000


class ListedHedge(NamedTuple):
    """What a line of the list says of a hedge, and nothing else: equal lines look equal."""

    id: UUID
    created_at: datetime
    symbol: str
    long_venue: str
    short_venue: str
    status: str
    simulated: bool
    quantity: Decimal
    notional_usdt: Decimal
    expected_net_edge_bps: Decimal | None
    realized_pnl_usdt: Decimal | None
    initiator: str


@dataclass(frozen=True)
class HedgeRows:
    """One page of hedges, newest first. ``counted`` stops at ``MOST_COUNTED``; pages go on as long as there are rows."""

    rows: list[ListedHedge]
    counted: int
    page: Page
    has_older: bool

    @property
    def last(self) -> int:
        return self.page.offset + len(self.rows)

    @property
    def total(self) -> str:
        return f"more than {MOST_COUNTED:,}" if self.counted > MOST_COUNTED else f"{self.counted:,}"

    @property
    def newer(self) -> int | None:
        return max(0, self.page.offset - self.page.limit) if self.page.offset else None

    @property
    def older(self) -> int | None:
        return self.page.offset + self.page.limit if self.has_older else None


LISTED = f"SELECT {', '.join(ListedHedge._fields)} FROM trading_hedge"  # noqa: S608 - our own names
PAGED = "ORDER BY created_at DESC LIMIT %(limit)s OFFSET %(offset)s"
COUNTED = f"SELECT count(*) FROM (SELECT FROM trading_hedge {{}} LIMIT {MOST_COUNTED + 1}) AS first"  # noqa: S608 - our own names


def hedge_rows(*, status: str, symbol: str, page: Page) -> HedgeRows:
    """Prewritten statements and plain rows: models and the ORM's words took longer than the database and the page."""
    wanted = {"status = %(status)s": status, "symbol = %(symbol)s": symbol}
    parts = " AND ".join(part for part, value in wanted.items() if value)
    where = f"WHERE {parts}" if parts else ""
    asked = {"status": status, "symbol": symbol.upper(), "limit": page.limit + 1, "offset": page.offset}
    rows = [ListedHedge(*row) for row in statements.rows(f"{LISTED} {where} {PAGED}", asked)]
    [(counted,)] = statements.rows(COUNTED.format(where), asked)
    return HedgeRows(rows[: page.limit], counted, page, has_older=len(rows) > page.limit)


def hedge_page(hedge: Hedge) -> dict[str, Any]:
    orders = list(Order.objects.filter(hedge=hedge).select_related("leg").order_by("id"))
    fills = list(Fill.objects.filter(hedge=hedge).select_related("order").order_by("filled_at", "id"))
    funding = list(FundingPayment.objects.filter(hedge=hedge).order_by("settled_at"))
    legs = list(Leg.objects.filter(hedge=hedge).order_by("position_side"))
    attribution = attribution_payload(hedge, legs, funding_by_hedge([hedge]))
    return {
        "hedge": hedge,
        "legs": legs,
        "quotes": decided_quotes(hedge.decision, long_venue=hedge.long_venue, short_venue=hedge.short_venue),
        "expected": expected_parts(
            hedge.decision, edge_bps=hedge.expected_net_edge_bps, notional_usdt=hedge.notional_usdt
        ),
        "outcome": outcome_parts(attribution, notional_usdt=hedge.notional_usdt),
        "gap": against_expectation(attribution, notional_usdt=hedge.notional_usdt),
        "orders": order_stories(orders, fills, hedge.decision, decided_at=hedge.created_at),
        "fills": fills,
        "funding": funding,
        "decision": _decision(hedge),
        "replay": replay(
            hedge.decision,
            long_venue=hedge.long_venue,
            short_venue=hedge.short_venue,
            expected=hedge.expected_net_edge_bps,
        ),
        "timings": sorted(hedge.timings.items(), key=lambda item: _as_number(item[1])),
        "timeline": _timeline(hedge, orders, fills, funding),
        "risk": hedge.status in ("partial", "unresolved"),
    }


def _as_number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _decision(hedge: Hedge) -> list[tuple[str, Any]]:
    """The stored inputs, flattened: what the decision saw."""
    return [(name.replace(".", " · "), value) for name, value in flatten(hedge.decision) if value not in (None, "")]


def _timeline(hedge: Hedge, orders: list[Order], fills: list[Any], funding: list[Any]) -> list[dict[str, Any]]:
    items = [*_milestones(hedge), *_order_items(hedge), *map(_fill_item, fills), *map(_funding_item, funding)]
    items += [*_attempt_items(hedge), *_audit_items(hedge, orders)]
    return sorted(items, key=lambda item: item["at"])


def _item(at: datetime, kind: str, title: str, text: str = "") -> dict[str, Any]:
    return {"at": at, "kind": kind, "title": title, "text": text}


def _milestones(hedge: Hedge) -> list[dict[str, Any]]:
    named = (
        (hedge.created_at, "mark", "Decided", f"by {hedge.initiator}, planned {hedge.planned_quantity} {hedge.symbol}"),
        (hedge.opened_at, "mark", "Open", "both legs hold the same base quantity"),
        (hedge.orphaned_at, "bad", "Legs unequal", "OUTSTANDING RISK from here on"),
        (hedge.closing_at, "mark", "Closing", hedge.close_reason.replace("_", " ")),
        (hedge.closed_at, "mark", "Closed", hedge.close_reason.replace("_", " ")),
    )
    return [_item(at, kind, title, text) for at, kind, title, text in named if at is not None]


def _order_items(hedge: Hedge) -> list[dict[str, Any]]:
    events = OrderEvent.objects.filter(order__hedge=hedge).select_related("order").order_by("at", "id")
    return [
        _item(
            event.at,
            "bad" if event.to_status in ("rejected", "unknown") else "order",
            f"{event.order.purpose} {event.order.side} {event.order.quantity} on {event.order.venue}: {event.to_status}",
            f"{event.order.client_order_id}{' · ' + event.reason if event.reason else ''}",
        )
        for event in events
    ]


def _fill_item(fill: Any) -> dict[str, Any]:
    title = f"Filled {fill.side} {fill.quantity} @ {fill.price} on {fill.venue}"
    return _item(fill.filled_at, "fill", title, f"fee {fill.fee_usdt} USDT · trade {fill.trade_id}")


def _funding_item(row: Any) -> dict[str, Any]:
    return _item(row.settled_at, "fill", f"Funding {row.amount_usdt} USDT on {row.venue}", row.reference)


def _attempt_items(hedge: Hedge) -> list[dict[str, Any]]:
    rows = HedgeAttempt.objects.filter(hedge=hedge)
    return [
        _item(row.created_at, "mark", f"{row.kind} by {row.initiator}: {row.result or row.status}", row.reason)
        for row in rows
    ]


def _audit_items(hedge: Hedge, orders: list[Order]) -> list[dict[str, Any]]:
    targets = [str(hedge.id), f"hedge:{hedge.id}", f"hedge {hedge.id}", *(order.client_order_id for order in orders)]
    named = Q(target__in=targets) | Q(details__hedge_id=str(hedge.id))
    rows = AuditRecord.objects.filter(named, at__gte=hedge.created_at)[:200]
    return [
        _item(
            row.at, "audit", f"{row.person}: {row.action.replace('_', ' ')} ({row.status})", f"audit record {row.seq}"
        )
        for row in rows
    ]
