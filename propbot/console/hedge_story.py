"""What a hedge was opened on, what was expected of it and what came of it, as rows for its page. Pure.

Signs: a cost is negative, what earns is positive. What was not stored is None and is shown as no data (law 9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from propbot.console.replay import number
from trading.sizing import adverse_bps

BPS = Decimal(10_000)
COSTS = {
    "standing_basis_bps": "standing basis",
    "entry_fees_bps": "entry fees",
    "exit_fees_bps": "exit fees",
    "slippage_bps": "expected slippage",
    "funding_bps": "expected funding",
}
OUTCOMES = {
    "spread_captured_usdt": "spread captured",
    "slippage_usdt": "slippage of the first leg",
    "leg_delay_usdt": "move before the second leg",
    "fees_usdt": "fees",
    "funding_usdt": "funding",
}


@dataclass(frozen=True)
class DecidedQuote:
    """One venue's touch as the decision saw it. ``taken`` is the side that the entry meant to take; ages in ms."""

    venue: str
    side: str
    taken: str
    bid: Decimal | None
    bid_quantity: Decimal | None
    ask: Decimal | None
    ask_quantity: Decimal | None
    age_ms: int | None


@dataclass(frozen=True)
class Part:
    """One part of an edge or of a result. ``total`` marks the sum of those above it."""

    name: str
    bps: Decimal | None
    usdt: Decimal | None
    total: bool = False


def _stored(decision: Mapping[str, Any], *path: str) -> Any:
    found: Any = decision
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _age_ms(decision: Mapping[str, Any], venue: str) -> int | None:
    """From the older of the venue's and our own time to the decision."""
    decided = _moment(decision.get("decided_at"))
    seen = [_moment(_stored(decision, "quotes", venue, name)) for name in ("venue_at", "received_at")]
    known = [at for at in seen if at is not None]
    if decided is None or not known:
        return None
    return max(0, round((decided - min(known)).total_seconds() * 1000))


def decided_quotes(decision: Mapping[str, Any], *, long_venue: str, short_venue: str) -> list[DecidedQuote]:
    """Empty when no quote was stored."""
    if not isinstance(decision.get("quotes"), Mapping):
        return []
    rows = []
    for side, taken, venue in (("long", "ask", long_venue), ("short", "bid", short_venue)):
        names = ("bid", "bid_quantity", "ask", "ask_quantity")
        bid, bids, ask, asks = (number(_stored(decision, "quotes", venue, name)) for name in names)
        rows.append(DecidedQuote(venue, side, taken, bid, bids, ask, asks, _age_ms(decision, venue)))
    return rows


def _usdt(bps: Decimal | None, notional: Decimal) -> Decimal | None:
    return None if bps is None else bps * notional / BPS


def _bps(usdt: Decimal | None, notional: Decimal) -> Decimal | None:
    return None if usdt is None or not notional else usdt / notional * BPS


def expected_parts(decision: Mapping[str, Any], *, edge_bps: Decimal | None, notional_usdt: Decimal) -> list[Part]:
    """The spread, less each cost, is the net edge: in bps of the long ask, and of the notional in USDT."""
    spread = number(decision.get("spread_bps"))
    rows = [Part("spread at the decision", spread, _usdt(spread, notional_usdt))]
    for key, name in COSTS.items():
        cost = number(_stored(decision, "costs_bps", key))
        earned = None if cost is None else -cost
        rows.append(Part(name, earned, _usdt(earned, notional_usdt)))
    return [*rows, Part("expected net edge", edge_bps, _usdt(edge_bps, notional_usdt), total=True)]


def outcome_parts(attribution: Mapping[str, Any] | None, *, notional_usdt: Decimal) -> list[Part]:
    """What the realized result is made of; empty until something is realized."""
    if attribution is None:
        return []
    found = [(name, number(attribution[key])) for key, name in OUTCOMES.items()]
    rows = [Part(name, _bps(value, notional_usdt), value) for name, value in found]
    realized = number(attribution["realized_usdt"])
    return [*rows, Part("realized", _bps(realized, notional_usdt), realized, total=True)]


def against_expectation(attribution: Mapping[str, Any] | None, *, notional_usdt: Decimal) -> Part | None:
    """Realized less expected; None while either is not known."""
    gap = None if attribution is None else number(attribution["difference_usdt"])
    return None if gap is None else Part("realized less expected", _bps(gap, notional_usdt), gap)


@dataclass(frozen=True)
class OrderStory:
    """An order with what it took: ms between its steps, its fees, and how its fill stood against the decision."""

    order: Any
    decided_ms: int | None
    answer_ms: int | None
    touch: Decimal | None
    slippage_bps: Decimal | None
    fees_usdt: Decimal | None
    fills: int


def _between_ms(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else round((end - start).total_seconds() * 1000)


def order_stories(
    orders: Sequence[Any], fills: Sequence[Any], decision: Mapping[str, Any], *, decided_at: datetime
) -> list[OrderStory]:
    """Only entries have a touch of the decision to be held against; positive slippage is worse than that touch."""
    return [_order_story(order, fills, decision, decided_at) for order in orders]


def _order_story(order: Any, fills: Sequence[Any], decision: Mapping[str, Any], decided_at: datetime) -> OrderStory:
    own = [fill for fill in fills if fill.order_id == order.pk]
    touch = None
    if order.purpose == "entry":
        touch = number(_stored(decision, "quotes", order.venue, "ask" if order.side == "buy" else "bid"))
    known = touch is not None and touch > 0 and order.average_price is not None
    return OrderStory(
        order=order,
        decided_ms=_between_ms(_moment(decision.get("decided_at")) or decided_at, order.sending_at),
        answer_ms=_between_ms(order.sending_at, order.answered_at),
        touch=touch,
        slippage_bps=adverse_bps(touch, order.average_price, order.side) if known and touch is not None else None,
        fees_usdt=sum((fill.fee_usdt for fill in own), Decimal(0)) if own else None,
        fills=len(own),
    )
