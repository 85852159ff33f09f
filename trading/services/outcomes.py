"""What the venue said, stored: order status and fills move forward only, and the leg follows its orders."""

from decimal import Decimal

from django.db.models import Q

from audit.services import alert
from propbot.clock import utc_now
from propbot.redaction import redact
from trading.choices import OPENING_PURPOSES, ORDER_ENDED, OrderStatus
from trading.models import Leg, Order
from trading.services.transitions import order_move, order_note
from trading.state import ORDER_MOVES, may_move
from trading.venues.base import Outcome, OutcomeKind, VenueOrder, VenueOrderStatus

ZERO = Decimal(0)
TEXT_LIMIT = 2000
UNPROVEN = (OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.OPEN)
STATUS_OF = {
    VenueOrderStatus.OPEN: OrderStatus.OPEN,
    VenueOrderStatus.FILLED: OrderStatus.FILLED,
    VenueOrderStatus.CANCELED: OrderStatus.CANCELED,
    VenueOrderStatus.EXPIRED: OrderStatus.EXPIRED,
    VenueOrderStatus.REJECTED: OrderStatus.REJECTED,
}


def outcome_store(*, order: Order, outcome: Outcome | None, seen: VenueOrder | None, denied: str = "") -> None:
    """Store the answer to one send, inside the caller's transaction. ``seen`` is a later look at the order itself.

    Whatever is not proved becomes UNKNOWN, never a rejection (RELIABILITY S1).
    """
    now = utc_now()
    proof = seen or (outcome.order if outcome else None)
    if denied:
        order_move(order=order, to=OrderStatus.DENIED, reason=denied, outcome_code=denied[:64], ended_at=now)
        return
    if outcome is None:
        order_move(order=order, to=OrderStatus.UNKNOWN, reason="no_answer", answered_at=now)
        return
    said = {"outcome_code": outcome.code[:64], "outcome_text": redact(outcome.text)[:TEXT_LIMIT], "answered_at": now}
    if proof is not None:
        order_apply(order=order, seen=proof, reason=f"answer_{outcome.kind}", **said)
    elif outcome.kind == OutcomeKind.REJECTED:
        order_move(order=order, to=OrderStatus.REJECTED, reason=outcome.code, ended_at=now, **said)
    elif outcome.kind == OutcomeKind.ACCEPTED:
        order_move(
            order=order, to=OrderStatus.OPEN, reason="acknowledged", venue_order_id=outcome.venue_order_id, **said
        )
    else:
        order_move(order=order, to=OrderStatus.UNKNOWN, reason=f"{outcome.kind}:{outcome.code}", **said)


def _target(order: Order, seen: VenueOrder, filled: Decimal) -> OrderStatus:
    """The status that the venue's words mean for us; a complete fill is a fill whatever the word."""
    if filled >= order.quantity:
        return OrderStatus.FILLED
    target = STATUS_OF[seen.status]
    # A reject with a partial fill is an end with a fill; "filled" short of our quantity ended short.
    if target in (OrderStatus.REJECTED, OrderStatus.FILLED) and filled > 0:
        return OrderStatus.CANCELED
    return target


def order_apply(*, order: Order, seen: VenueOrder, reason: str, **said: object) -> None:
    """Take over what the venue tells of an order, inside the caller's transaction.

    ``filled_quantity`` only grows: answers may come twice and out of order (RELIABILITY B14).
    """
    filled = max(order.filled_quantity, min(seen.filled_quantity, order.quantity))
    target = _target(order, seen, filled)
    changes: dict[str, object] = dict(said)
    if seen.venue_order_id:
        changes["venue_order_id"] = seen.venue_order_id
    if filled > order.filled_quantity or order.average_price is None:
        changes |= {"filled_quantity": filled, "average_price": seen.average_price or order.average_price}
    grew = filled > order.filled_quantity
    if grew:
        changes["fills_booked"] = False  # the ledger has what was known before
    if target in ORDER_ENDED and order.ended_at is None:
        changes["ended_at"] = utc_now()
    if order.status == OrderStatus.NOT_SENT:
        _alert_late(order, seen)
    if order.status != target and may_move(ORDER_MOVES, order.status, target):
        order_move(order=order, to=target, reason=reason, details={"filled": str(filled)}, **changes)
    elif grew or said:
        _order_update(order, changes)
        order_note(order=order, old=order.status, reason=reason, details={"filled": str(filled)})
    if grew:
        leg_refresh(leg_id=order.leg_id)


def _order_update(order: Order, changes: dict[str, object]) -> None:
    Order.objects.filter(pk=order.pk).update(**changes)
    for name, value in changes.items():
        setattr(order, name, value)


def _alert_late(order: Order, seen: VenueOrder) -> None:
    alert(
        kind="order_late",
        severity="critical",
        text=f"{order.client_order_id} was proved unsent and yet is {seen.status} at {order.venue}",
        extra={"order": order.client_order_id, "hedge": str(order.hedge_id), "filled": str(seen.filled_quantity)},
        simulated=order.simulated,
    )


def _average(rows: list[tuple[Decimal, Decimal | None]]) -> Decimal | None:
    """Quantity-weighted price; None while one part has no price (unknown is not zero)."""
    quantity = sum((filled for filled, _ in rows), ZERO)
    if not quantity or any(price is None for _, price in rows):
        return None
    value = sum((filled * price for filled, price in rows if price is not None), ZERO)
    return (value / quantity).quantize(Decimal("1e-18"))


def leg_refresh(*, leg_id: int) -> None:
    """A leg's quantities and average prices, from its orders. Runs in the caller's transaction."""
    rows = list(
        Order.objects.filter(leg_id=leg_id, filled_quantity__gt=0).values_list(
            "purpose", "filled_quantity", "average_price"
        )
    )
    entering = [(filled, price) for purpose, filled, price in rows if purpose in OPENING_PURPOSES]
    leaving = [(filled, price) for purpose, filled, price in rows if purpose not in OPENING_PURPOSES]
    entered = sum((filled for filled, _ in entering), ZERO)
    exited = sum((filled for filled, _ in leaving), ZERO)
    if exited > entered:
        _alert_overshoot(leg_id, entered, exited)
        exited = entered
    Leg.objects.filter(pk=leg_id).update(
        entered_quantity=entered,
        exited_quantity=exited,
        quantity=entered - exited,
        entry_price=_average(entering),
        exit_price=_average(leaving),
    )


def _alert_overshoot(leg_id: int, entered: Decimal, exited: Decimal) -> None:
    alert(
        kind="leg_overshoot",
        severity="critical",
        text=f"leg {leg_id} left {exited:f} of {entered:f} entered: the exits exceed what was known to be held",
        extra={"leg": leg_id, "entered": str(entered), "exited": str(exited)},
    )


def orders_unproven() -> Q:
    """Orders whose end is not known, as a filter: on the wire, unknown, or open at the venue. A resting quote is open,
    too; while its call waits for it, the hedge's lock keeps everybody else away."""
    return Q(status__in=UNPROVEN)
