"""The write-ahead journal (RELIABILITY S4): commit, mark as sending, send once, store the outcome.

Three steps and no shortcut: a durable transaction that plans; a second one, under the desk's shared lock, that marks
what goes on the wire; the wire itself, outside any transaction and never retried; a third that stores the answer.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from secrets import token_hex
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Model

from audit.services import audited, record
from propbot import statements
from propbot.clock import utc_now
from propbot.crashpoints import crashpoint
from propbot.errors import RefusedError
from risk.looks import fresh_reads, unread_look
from risk.services.guard import desk_guard_opening, desk_guard_reducing, desk_judge
from risk.services.locks import journal_locks, with_lock_retry
from risk.services.reservations import reservation_draft
from trading import ids
from trading.choices import (
    OPENING_PURPOSES,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    TimeInForce,
)
from trading.models import Hedge, HedgeAttempt, Leg, Order
from trading.runtime.handle import TraderRuntime
from trading.services.attempt_rows import attempt_join
from trading.services.binding import binding_ask, refuse_entangled
from trading.services.transitions import Sent, order_insert_sending, order_move, orders_mark_sending
from trading.services.wire import EXPIRY_SECONDS, Ticket
from trading.sizing import EntryPlan, LegName, Side
from trading.venues.base import OrderRequest, Quote

FIRST_CHECK_SECONDS = 0.5
JOURNAL_ATTEMPTS = 3
BOTH: tuple[LegName, LegName] = ("long", "short")
# ``NOT IN`` as the partial index of the active hedges has it.
Journaled = tuple[Hedge, dict[str, Leg], list[Order]]


@dataclass(frozen=True)
class OrderDraft:
    """One order to be journaled. ``letter`` is the client id's leg: A first, B second, F for what only reduces."""

    leg: Leg
    purpose: OrderPurpose
    letter: str
    quantity: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce = TimeInForce.IOC

    @property
    def side(self) -> OrderSide:
        opens = self.purpose in OPENING_PURPOSES
        return OrderSide.BUY if (self.leg.position_side == PositionSide.LONG) == opens else OrderSide.SELL

    @property
    def side_word(self) -> Side:
        return "buy" if self.side == OrderSide.BUY else "sell"


@cache
def installation_tag() -> str:
    """This installation's three characters, from a file beside the data that is made once."""
    path = settings.DATA_DIR / "installation"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.write(token_hex(16))
    except FileExistsError:
        pass
    return ids.installation_tag(path.read_text(encoding="utf-8"))


def hedge_journal(
    *,
    plan: EntryPlan,
    attempt: HedgeAttempt | None,
    runtime: TraderRuntime,
    legs: Sequence[LegName],
    hedge_id: UUID,
) -> tuple[Hedge, dict[str, Leg], list[Order]]:
    """Step 1: hedge, legs, reservation, the first orders and the record, in one durable transaction.

    Raises RefusedError (423) under HOLD, SAFE_MODE, an older epoch, or while an order of the symbol is unproven.
    """
    unstored = attempt is not None and attempt._state.adding

    def once() -> Journaled:
        if attempt is not None:
            attempt._state.adding = unstored  # a rolled back insert has left no row
        return _journal(hedge_id=hedge_id, plan=plan, attempt=attempt, runtime=runtime, legs=legs)

    crashpoint("pre_journal")
    # The database alone: nothing has left yet, so waiting too long for a lock may be tried again (RELIABILITY D3).
    journaled = with_lock_retry(once, attempts=JOURNAL_ATTEMPTS)
    crashpoint("post_journal")
    return journaled


def _journal(
    *, hedge_id: UUID, plan: EntryPlan, attempt: HedgeAttempt | None, runtime: TraderRuntime, legs: Sequence[LegName]
) -> Journaled:
    with audited():
        journal_locks()
        # Nothing read before the locks binds: a look of their own, whatever stands around.
        with fresh_reads(), unread_look():
            binding = binding_ask(plan, runtime.epoch, orders=len(legs))
            desk = desk_judge(binding.desk, epoch=runtime.epoch)
            refuse_entangled(plan, binding)
            # Before the rows: the reservation counts what is open; this hedge is not to be compared with itself.
            reservation = reservation_draft(
                hedge_id=hedge_id, intent=plan.intent, limits_version=plan.limits_version or 0
            )
        hedge = Hedge(pk=hedge_id, **_hedge_columns(plan, attempt, runtime.epoch, desk.hold_id))
        attempts = [] if attempt is None else attempt_join(attempt=attempt, hedge=hedge)
        by_side: dict[str, Leg] = {
            side: _leg(hedge, plan, side, key) for side, key in zip(BOTH, binding.leg_ids, strict=True)
        }
        drafts = [entry_draft(plan, by_side, side, plan.quantity) for side in legs]
        orders = [order_of(hedge, draft, epoch=runtime.epoch, limits=plan.limits_version) for draft in drafts]
        for order, key in zip(orders, binding.order_ids, strict=True):
            order.pk = key
        groups: list[Sequence[Model]] = [[reservation], [hedge], attempts, list(by_side.values()), orders]
        statements.insert_all(*filter(None, groups))
        record(action="hedge_journaled", target=str(hedge.pk), details=_journal_details(plan, orders))
    return hedge, by_side, orders


def _hedge_columns(plan: EntryPlan, attempt: HedgeAttempt | None, epoch: int, hold_id: int) -> dict[str, Any]:
    intent = plan.intent
    return {
        "symbol": intent.symbol,
        "strategy": intent.strategy,
        "long_venue": intent.long_venue,
        "short_venue": intent.short_venue,
        "simulated": plan.simulated,
        "planned_quantity": plan.quantity,
        "notional_usdt": intent.notional_usdt,
        "leverage": intent.leverage,
        "expected_net_edge_bps": plan.expected_net_edge_bps,
        "decision": decision_json(plan),
        "initiator": attempt.initiator if attempt else intent.initiator,
        "initiator_id": attempt.initiator_id if attempt else None,
        "trader_epoch": epoch,
        "hold_id": hold_id,
        "created_at": utc_now(),
    }


def _quote_json(quote: Quote) -> dict[str, str]:
    return {
        "bid": str(quote.bid),
        "ask": str(quote.ask),
        "bid_quantity": str(quote.bid_quantity),
        "ask_quantity": str(quote.ask_quantity),
        "venue_at": quote.venue_at.isoformat() if quote.venue_at else "",
        "received_at": quote.received_at.isoformat(),
    }


def decision_json(plan: EntryPlan) -> dict[str, object]:
    """The inputs of the decision, so that it can be replayed."""
    return {
        **plan.inputs,
        "first_leg": plan.first_leg,
        "long_price": str(plan.long_price),
        "short_price": str(plan.short_price),
        "post_only": plan.post_only,
        "spread_bps": str(plan.spread_bps),
        "costs_bps": {name: str(value) for name, value in plan.costs_bps.items()},
        "quotes": {venue: _quote_json(quote) for venue, quote in plan.quotes.items()},
        "decided_at": plan.decided_at.isoformat(),
    }


def _journal_details(plan: EntryPlan, orders: Sequence[Order]) -> dict[str, object]:
    return {
        "symbol": plan.intent.symbol,
        "long_venue": plan.intent.long_venue,
        "short_venue": plan.intent.short_venue,
        "quantity": str(plan.quantity),
        "simulated": plan.simulated,
        "orders": [order.client_order_id for order in orders],
    }


def _leg(hedge: Hedge, plan: EntryPlan, side: LegName, key: int) -> Leg:
    return Leg(id=key, hedge=hedge, position_side=side, venue=plan.venue(side), symbol=hedge.symbol)


def entry_draft(
    plan: EntryPlan, legs: dict[str, Leg], side: LegName, quantity: Decimal, price: Decimal | None = None
) -> OrderDraft:
    """The entry order of one leg; the first one quotes when the plan is post-only."""
    first = side == plan.first_leg
    quotes = plan.post_only and first
    return OrderDraft(
        leg=legs[side],
        purpose=OrderPurpose.ENTRY,
        letter="A" if first else "B",
        quantity=quantity,
        limit_price=price or plan.price(side),
        time_in_force=TimeInForce.POST_ONLY if quotes else TimeInForce.IOC,
    )


def order_plan(hedge: Hedge, draft: OrderDraft, *, epoch: int, attempt: int = 1, limits: int | None = None) -> Order:
    """One PLANNED row, inside the caller's transaction; the unique client order id is the guard against a second."""
    order = order_of(hedge, draft, epoch=epoch, attempt=attempt, limits=limits)
    statements.insert(order)
    return order


def order_of(hedge: Hedge, draft: OrderDraft, *, epoch: int, attempt: int = 1, limits: int | None = None) -> Order:
    """The row of a draft, not stored yet."""
    market = draft.limit_price is None
    return Order(
        client_order_id=ids.client_order_id(installation_tag(), hedge.pk, draft.letter, attempt),
        hedge=hedge,
        leg=draft.leg,
        venue=draft.leg.venue,
        symbol=draft.leg.symbol,
        purpose=draft.purpose,
        side=draft.side,
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        time_in_force="" if market else draft.time_in_force,
        reduce_only=draft.purpose not in OPENING_PURPOSES,
        simulated=hedge.simulated,
        quantity=draft.quantity,
        limit_price=draft.limit_price,
        trader_epoch=epoch,
        limits_version=limits,
        attempt=attempt,
        created_at=utc_now(),
    )


def next_attempt(hedge: Hedge, letter: str) -> int:
    """One more than the hedge's orders under this letter; two that count at once meet at the unique id."""
    prefix = ids.client_order_id(installation_tag(), hedge.pk, letter, 0)[:-2]
    return Order.objects.filter(hedge=hedge, client_order_id__startswith=prefix).count() + 1


def refuse_stale(quotes: Iterable[Quote], *, now: datetime, max_age_ms: int) -> None:
    """The market data of an opening order once more, right before the wire (RELIABILITY A16)."""
    for quote in quotes:
        seen_at = min(quote.venue_at or quote.received_at, quote.received_at)
        age_ms = int((now - seen_at) / timedelta(milliseconds=1))
        if not age_ms <= max_age_ms:
            raise RefusedError(
                "stale_quote",
                f"the quote of {quote.venue} is {age_ms} ms old, more than {max_age_ms}",
                context={"venue": quote.venue, "age_ms": age_ms},
            )


def acquire_slots(runtime: TraderRuntime, venues: Sequence[str], *, simulated: bool) -> None:
    """PropBot's own limiter, before the mark: afterwards it would delay an order that is already sending."""
    runtime.finish(slots_begin(runtime, venues, simulated=simulated))


def slots_begin(runtime: TraderRuntime, venues: Sequence[str], *, simulated: bool) -> "Future[list[None]]":
    """The same beside other work. A slot that is then not used costs nothing."""
    return runtime.begin(*(runtime.client(venue, simulated=simulated).acquire_order_slot() for venue in venues))


def mark_opening(
    *,
    runtime: TraderRuntime,
    quotes: Iterable[Quote],
    prepare: Callable[[], Sequence[Order]],
) -> list[Ticket]:
    """Step 2 for what opens: the desk's lock first, then everything that must still hold, then SENDING.

    ``prepare`` runs under the lock and answers the orders, stored or not. Raises RefusedError (HOLD, SAFE_MODE, fencing,
    stale data) and has then changed nothing.
    """
    with transaction.atomic(durable=True):
        desk_guard_opening(epoch=runtime.epoch)
        crashpoint("post_gate")
        refuse_stale(quotes, now=utc_now(), max_age_ms=settings.PROPBOT.integer("MAX_QUOTE_AGE_MS"))
        orders = prepare()
        tickets = _mark(runtime, orders, opening=True)
    crashpoint("pre_send")
    return tickets


def mark_reducing(*, runtime: TraderRuntime, prepare: Callable[[], Sequence[Order]]) -> list[Ticket]:
    """Step 2 for what only reduces: it passes HOLD and SAFE_MODE; only an older trader is refused (law 7)."""
    with transaction.atomic(durable=True):
        desk_guard_reducing(epoch=runtime.epoch)
        orders = prepare()
        if not all(order.reduce_only for order in orders):
            raise ValueError("an opening order took the way of the reductions")
        tickets = _mark(runtime, orders, opening=False)
    crashpoint("pre_send")
    return tickets


def _mark(runtime: TraderRuntime, orders: Sequence[Order], *, opening: bool) -> list[Ticket]:
    marked = time.monotonic()
    first_check = FIRST_CHECK_SECONDS / settings.PROPBOT.integer("RELIABILITY_TIME_DIVISOR")
    times = {"expiry_seconds": EXPIRY_SECONDS, "first_check_seconds": first_check}
    marks: dict[int, Sent] = {}
    for order in orders:
        if order._state.adding:
            marks |= order_insert_sending(order=order, **times)
    planned = [order for order in orders if order.pk not in marks]
    if planned:
        marks |= orders_mark_sending(orders=planned, epoch=runtime.epoch, **times)
    return [
        Ticket(order, _request(order, marks[order.pk].sending_at, marks[order.pk].expires_at), opening, marked)
        for order in orders
    ]


def _request(order: Order, sending_at: datetime, expires_at: datetime) -> OrderRequest:
    return OrderRequest(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        limit_price=order.limit_price,
        reduce_only=order.reduce_only,
        sending_at=sending_at,
        expires_at=expires_at,
    )


def planned_deny(*, orders: Sequence[Order], reason: str) -> None:
    """What was planned and will not be sent, in its own transaction."""
    with transaction.atomic(durable=True):
        for order in orders:
            if order.status == OrderStatus.PLANNED:
                order_move(order=order, to=OrderStatus.DENIED, reason=reason, ended_at=utc_now())
