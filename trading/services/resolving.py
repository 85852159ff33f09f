"""What became of an order whose end is not known (RELIABILITY S3): ask until there is proof, send nothing.

A venue's "I do not know it" is no proof by itself: only late, five times in a row, with open orders, fills and
position all empty, from a venue that answers every question, does it mean that the order never arrived.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from audit.services import alert
from propbot.clock import utc_now
from trading.choices import HEDGE_ENDED, ORDER_ENDED, ORDER_UNPROVEN, OrderStatus, PositionSide
from trading.models import Leg, Order, OrderEvent
from trading.runtime.handle import TraderRuntime
from trading.services.grids import symbol_grids
from trading.services.outcomes import order_apply, orders_unproven
from trading.services.transitions import order_move, order_note
from trading.venues.base import VenueClient, VenueError, VenueFill, VenueOrder, VenueOrderStatus

ROUND_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
LATER_SECONDS = 30.0
ALERT_SECONDS = 5.0
ESCALATE_SECONDS = 3600.0
FINAL_SECONDS = 30.0  # max(recvWindow or expTime, 10 s) + 20 s
FINAL_ANSWERS = 5
IN_CALL_SECONDS = 2.0
DUE_AT_ONCE = 50
ZERO = Decimal(0)


@dataclass(frozen=True)
class Look:
    """One or more questions about one order. ``answered`` is about the last of them."""

    order: Order
    seen: VenueOrder | None
    answered: bool
    not_found: int = 0


@dataclass(frozen=True)
class Evidence:
    """What else the venue knows: ``complete`` only when every question of the ladder was answered."""

    complete: bool
    order: VenueOrder | None = None
    filled: Decimal = ZERO
    average_price: Decimal | None = None
    position: Decimal = ZERO


def time_divisor() -> int:
    return settings.PROPBOT.integer("RELIABILITY_TIME_DIVISOR")


def _ended(seen: VenueOrder | None) -> bool:
    return seen is not None and seen.status != VenueOrderStatus.OPEN


async def _ask(client: VenueClient, order: Order) -> Look:
    try:
        seen = await client.fetch_order(order.symbol, order.client_order_id)
    except VenueError:
        return Look(order, None, answered=False)
    return Look(order, seen, answered=True, not_found=0 if seen else 1)


async def _ask_until(client: VenueClient, order: Order, waits: Sequence[float]) -> Look:
    """Ask after each wait until the order has ended; the rounds are the venue's protocol, not a test's sleep."""
    look = Look(order, None, answered=False)
    misses = 0
    for wait in waits:
        await asyncio.sleep(wait)
        look = await _ask(client, order)
        misses += look.not_found
        if _ended(look.seen):
            break
    return replace(look, not_found=misses)


def _waits(seconds: float) -> list[float]:
    """The differences of the rounds up to ``seconds`` after the send, divided for the chaos harness."""
    rounds = [moment for moment in ROUND_SECONDS if moment <= seconds]
    return [(late - early) / time_divisor() for early, late in zip([0.0, *rounds], rounds, strict=False)]


def looks_store(looks: Sequence[Look]) -> None:
    """Store what was learnt, in its own transaction."""
    with transaction.atomic(durable=True):
        for look in looks:
            _look_store(look)


def _look_store(look: Look) -> None:
    order = look.order
    counters: dict[str, object] = {"checks": F("checks") + 1}
    if look.seen is not None:
        counters["not_found_answers"] = 0
    elif look.not_found:
        counters["not_found_answers"] = F("not_found_answers") + look.not_found
    Order.objects.filter(pk=order.pk).update(**counters)
    order.checks += 1
    order.not_found_answers = 0 if look.seen is not None else order.not_found_answers + look.not_found
    if look.seen is not None:
        order_apply(order=order, seen=look.seen, reason="resolved")


def unproven_among(orders: Sequence[Order]) -> list[Order]:
    """Those of these orders whose end is not known: an IOC order that is open has not ended yet."""
    return [order for order in orders if order.status in ORDER_UNPROVEN or order.status == OrderStatus.OPEN]


def resolve_now(*, runtime: TraderRuntime, orders: Sequence[Order]) -> None:
    """The rounds of the first two seconds, while the caller waits. Resting orders are not for this function."""
    open_ends = unproven_among(orders)
    if not open_ends:
        return
    waits = _waits(IN_CALL_SECONDS)
    looks = runtime.gather(*(_ask_until(runtime.client(o.venue, simulated=o.simulated), o, waits) for o in open_ends))
    looks_store(looks)


def orders_due(*, now: datetime) -> list[Order]:
    due = Q(next_check_at__isnull=True) | Q(next_check_at__lte=now)
    return list(Order.objects.filter(orders_unproven(), due).order_by("next_check_at")[:DUE_AT_ONCE])


def order_resolve(*, runtime: TraderRuntime, order: Order) -> bool:
    """One round of the ladder; True when the order's end is now known."""
    client = runtime.client(order.venue, simulated=order.simulated)
    look = runtime.run(_ask(client, order))
    looks_store([look])
    if order.status == OrderStatus.SENDING:
        _give_up_waiting(order)
    if look.seen is None and look.answered:
        _weigh(runtime, client, order)
    elif look.seen is not None and not _ended(look.seen):
        _cancel_leftover(runtime, client, order)
    _schedule(order)
    return order.status in ORDER_ENDED


def _cancel_leftover(runtime: TraderRuntime, client: VenueClient, order: Order) -> None:
    """An order that rests although nobody waits for it is canceled; then the venue is asked once more."""
    Order.objects.filter(pk=order.pk).update(cancel_requested_at=utc_now())
    runtime.run(client.cancel(order.symbol, order.client_order_id))
    looks_store([runtime.run(_ask(client, order))])


def _weigh(runtime: TraderRuntime, client: VenueClient, order: Order) -> None:
    evidence = runtime.run(_gather_evidence(client, order))
    if evidence.order is not None:
        with transaction.atomic(durable=True):
            order_apply(order=order, seen=evidence.order, reason="resolved_open_orders")
    elif evidence.filled:
        _apply_fills(order, evidence)
    elif _not_found_is_final(order, evidence):
        _prove_unsent(order)


def _apply_fills(order: Order, evidence: Evidence) -> None:
    """Fills name it although the order query does not: an end, filled as far as the fills go."""
    full = evidence.filled >= order.quantity
    seen = VenueOrder(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=order.symbol,
        status=VenueOrderStatus.FILLED if full else VenueOrderStatus.CANCELED,
        side=order.side,
        quantity=order.quantity,
        filled_quantity=evidence.filled,
        average_price=evidence.average_price,
        limit_price=order.limit_price,
        reduce_only=order.reduce_only,
        updated_at=None,
    )
    if not full and _age_seconds(order) < FINAL_SECONDS / time_divisor():
        return
    with transaction.atomic(durable=True):
        order_apply(order=order, seen=seen, reason="resolved_fills")


async def _gather_evidence(client: VenueClient, order: Order) -> Evidence:
    """Open orders, fills since just before the send, and the position against what proved fills explain."""
    since = (order.sending_at or order.created_at) - timedelta(seconds=1)
    try:
        listed, fills, held = await asyncio.gather(
            client.fetch_open_orders(order.symbol), client.fetch_fills(order.symbol, since), _held(client, order)
        )
    except VenueError:
        return Evidence(complete=False)
    mine = next((o for o in listed if o.client_order_id == order.client_order_id), None)
    filled, average = _sum_fills([fill for fill in fills if _belongs(fill, order)])
    return Evidence(True, mine, filled, average, held)


async def _held(client: VenueClient, order: Order) -> Decimal:
    """The venue's signed position; a simulated order has none anywhere, its broker's word is the whole truth."""
    if order.simulated:
        return ZERO
    return sum((p.quantity for p in await client.fetch_positions() if p.symbol == order.symbol), ZERO)


def _belongs(fill: VenueFill, order: Order) -> bool:
    by_venue_id = bool(order.venue_order_id) and fill.venue_order_id == order.venue_order_id
    return fill.client_order_id == order.client_order_id or by_venue_id


def _sum_fills(fills: Sequence[VenueFill]) -> tuple[Decimal, Decimal | None]:
    quantity = sum((fill.quantity for fill in fills), ZERO)
    if not quantity:
        return ZERO, None
    return quantity, sum((fill.quantity * fill.price for fill in fills), ZERO) / quantity


def books_position(venue: str, symbol: str) -> Decimal:
    """What proved fills say PropBot holds there, signed, base units; real hedges only."""
    rows = (
        Leg.objects.filter(venue=venue, symbol=symbol, hedge__simulated=False)
        .exclude(hedge__status__in=HEDGE_ENDED)
        .values_list("position_side", "quantity")
    )
    return sum((q if side == PositionSide.LONG else -q for side, q in rows), ZERO)


def _position_explained(order: Order, held: Decimal) -> bool:
    """The position is what proved fills explain, to one lot: nothing of this order is hidden in it."""
    if order.simulated:
        return True
    grid = symbol_grids(order.symbol).get(order.venue)
    return grid is not None and abs(held - books_position(order.venue, order.symbol)) < grid.lot_size


def _age_seconds(order: Order) -> float:
    return (utc_now() - (order.sending_at or order.created_at)).total_seconds()


def _not_found_is_final(order: Order, evidence: Evidence) -> bool:
    return (
        evidence.complete
        and _position_explained(order, evidence.position)
        and _age_seconds(order) >= FINAL_SECONDS / time_divisor()
        and order.not_found_answers >= FINAL_ANSWERS
    )


def _give_up_waiting(order: Order) -> None:
    """Its sender no longer waits for the answer (this thread has the hedge): what was on the wire is unknown."""
    with transaction.atomic(durable=True):
        order_move(order=order, to=OrderStatus.UNKNOWN, reason="sender_gone")


def _prove_unsent(order: Order) -> None:
    """Every condition of S3 holds: it never arrived; or, where it was acknowledged, it ended without a fill and the
    venue has forgotten it (OKX keeps unfilled canceled orders for two hours)."""
    acknowledged = order.status == OrderStatus.OPEN
    with transaction.atomic(durable=True):
        order_move(
            order=order,
            to=OrderStatus.CANCELED if acknowledged else OrderStatus.NOT_SENT,
            reason="forgotten_unfilled" if acknowledged else "proved_unsent",
            details={"not_found_answers": order.not_found_answers, "age_seconds": round(_age_seconds(order), 1)},
            ended_at=utc_now(),
        )


def _schedule(order: Order) -> None:
    """When to ask again, and the alerts on the way: at five seconds and after an hour."""
    if order.status in ORDER_ENDED:
        return
    age = _age_seconds(order) * time_divisor()
    moment = next((m for m in ROUND_SECONDS if m > age), None)
    wait = (moment - age if moment is not None else LATER_SECONDS) / time_divisor()
    Order.objects.filter(pk=order.pk).update(next_check_at=utc_now() + timedelta(seconds=wait))
    if age >= ALERT_SECONDS:
        _alert_once(order, "unproven_alert", "critical", f"no proof of {order.client_order_id} at {order.venue} yet")
    if age >= ESCALATE_SECONDS * time_divisor():
        _alert_once(order, "unproven_escalated", "critical", f"{order.client_order_id} needs a human: an hour unproven")


def _alert_once(order: Order, reason: str, severity: str, text: str) -> None:
    if OrderEvent.objects.filter(order=order, reason=reason).exists():
        return
    order_note(order=order, old=order.status, reason=reason)
    alert(
        kind="order_unproven",
        severity=severity,
        text=text,
        extra={
            "order": order.client_order_id,
            "hedge": str(order.hedge_id),
            "venue": order.venue,
            "symbol": order.symbol,
            "not_found_answers": order.not_found_answers,
        },
        simulated=order.simulated,
    )
