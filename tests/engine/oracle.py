"""The oracle: the invariants I1 to I10 of RELIABILITY, read from the database and from what the simulator saw.

Each check answers sentences; no sentence is no violation. The chaos harness runs ``violations`` after every case.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from approvals.models import ApprovalExecution
from audit.models import AuditRecord, OpsAlert
from audit.services.verifying import verify
from risk.models import DeskState, Reservation
from trading import ids
from trading.choices import HEDGE_ENDED, HEDGE_IN_FLIGHT, OPENING_PURPOSES, ORDER_UNPROVEN, HedgeStatus
from trading.models import Fill, Hedge, Instrument, Leg, Order, OrderEvent
from trading.services.journal import installation_tag

D = Decimal
BINANCE = "binance-um"


@dataclass
class Seen:
    """What the simulator saw, and what the run knows: the acknowledged HOLDs with their ``in_flight``, canaries."""

    orders: list[dict[str, Any]]
    positions: dict[tuple[str, str], Decimal]
    holds: list[tuple[datetime, frozenset[str]]] = field(default_factory=list)
    canaries: tuple[str, ...] = ()
    logs: str = ""
    deadline_seconds: float = 15.0
    divisor: int = 1

    def ours(self) -> list[dict[str, Any]]:
        """Orders under this installation's ids, in order of arrival."""
        tag = installation_tag()
        parsed = [(order, ids.parse(str(order["client_order_id"] or ""))) for order in self.orders]
        return [order for order, found in parsed if found is not None and found.tag == tag]

    def accepted(self) -> list[dict[str, Any]]:
        return [order for order in self.ours() if order["accepted"]]


def received_at(order: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(order["received_at"]).replace("Z", "+00:00"))


def i1_neutral(seen: Seen) -> list[str]:
    """An ended hedge holds nothing, an open one equal legs; any other is alarmed, and past its deadline under HOLD."""
    found = []
    lots = {(row.venue, row.symbol): row.lot_size for row in Instrument.objects.all()}
    for hedge in Hedge.objects.filter(simulated=False).prefetch_related("legs"):
        legs = {leg.position_side: leg for leg in hedge.legs.all()}
        net = legs["long"].quantity - legs["short"].quantity
        coarse = max(lots[legs[side].venue, hedge.symbol] for side in ("long", "short"))
        if hedge.status in HEDGE_ENDED and (legs["long"].quantity or legs["short"].quantity):
            found.append(f"I1 {hedge.pk} is {hedge.status} and holds {net}")
        if hedge.status == HedgeStatus.OPEN and abs(net) >= coarse:
            found.append(f"I1 {hedge.pk} is open and uneven by {net}")
        if hedge.status in (HedgeStatus.PARTIAL, HedgeStatus.UNRESOLVED) and abs(net) >= coarse:
            found += _unalarmed(hedge)
    return found


def _unalarmed(hedge: Hedge) -> list[str]:
    alerts = OpsAlert.objects.filter(extra__hedge=str(hedge.pk), severity__in=["warning", "critical"])
    return [] if alerts.exists() else [f"I1 {hedge.pk} is {hedge.status} without an incident"]


def i2_once(seen: Seen) -> list[str]:
    """Each client id is accepted at most once, and no leg is entered beyond its intent."""
    counts: dict[tuple[str, str], int] = {}
    for order in seen.accepted():
        key = (str(order["venue"]), str(order["client_order_id"]))
        counts[key] = counts.get(key, 0) + 1
    found = [f"I2 {key} was accepted {count} times" for key, count in counts.items() if count > 1]
    for leg in Leg.objects.select_related("hedge"):
        if leg.entered_quantity > leg.hedge.planned_quantity:
            found.append(f"I2 leg {leg.pk} entered {leg.entered_quantity} of {leg.hedge.planned_quantity}")
        if leg.exited_quantity > leg.entered_quantity:
            found.append(f"I2 leg {leg.pk} left more than it had entered")
    return found


def i3_hold(seen: Seen) -> list[str]:
    """No opening order is accepted after HOLD was answered, but those that its ``in_flight`` named."""
    openings = [order for order in seen.accepted() if not order["reduce_only"]]
    return [
        f"I3 {order['client_order_id']} was accepted after HOLD at {at.isoformat()}"
        for at, in_flight in seen.holds
        for order in openings
        if received_at(order) > at and order["client_order_id"] not in in_flight
    ]


def i4_journaled(seen: Seen) -> list[str]:
    """Every order at a venue has a row that was committed, and marked as sending, before it arrived."""
    rows = {order.client_order_id: order for order in Order.objects.all()}
    found = []
    for order in seen.ours():
        row = rows.get(str(order["client_order_id"]))
        if row is None or row.sending_at is None:
            found.append(f"I4 {order['client_order_id']} has no journal row")
        elif row.sending_at > received_at(order) + timedelta(milliseconds=50):
            found.append(f"I4 {order['client_order_id']} arrived before its row was marked")
    return found


def i5_approvals(_: Seen) -> list[str]:
    """One execution per approval, by another person than the one who asked while two are needed."""
    doubled = ApprovalExecution.objects.values("approval").annotate(count=Count("pk")).filter(count__gt=1)
    return [f"I5 approval {row['approval']} was executed {row['count']} times" for row in doubled]


def i6_recorded(_: Seen) -> list[str]:
    """Every order status has its event, every hedge status its record, and the chain verifies."""
    last = dict(OrderEvent.objects.order_by("id").values_list("order_id", "to_status"))
    found = [
        f"I6 {order.client_order_id} is {order.status} without an event"
        for order in Order.objects.exclude(status="planned")
        if last.get(order.pk) != order.status
    ]
    recorded = set(AuditRecord.objects.filter(action__startswith="hedge_").values_list("target", "action"))
    found += [
        f"I6 {hedge.pk} is {hedge.status} without a record"
        for hedge in Hedge.objects.exclude(status="opening")
        if (str(hedge.pk), f"hedge_{hedge.status}") not in recorded
    ]
    result = verify()
    return found if result.sound else [*found, f"I6 the audit chain is broken: {result.finding}"]


def i7_secrets(seen: Seen) -> list[str]:
    return [f"I7 a canary stands in the logs: {canary[:4]}..." for canary in seen.canaries if canary in seen.logs]


def i8_calm(seen: Seen) -> list[str]:
    return ["I8 an unhandled exception stands in the logs"] if "Traceback (most recent call last)" in seen.logs else []


def i9_simulated(seen: Seen) -> list[str]:
    """No order of a simulated hedge ever reached a venue."""
    simulated = set(Order.objects.filter(simulated=True).values_list("client_order_id", flat=True))
    return [
        f"I9 {o['client_order_id']} is simulated and at {o['venue']}"
        for o in seen.orders
        if o["client_order_id"] in simulated
    ]


def i10_alarmed(seen: Seen) -> list[str]:
    """No order stays unproven beyond five seconds (divided) without an alert."""
    found = []
    now = datetime.now(tz=DeskState.objects.get(pk=1).changed_at.tzinfo)
    for order in Order.objects.filter(status__in=ORDER_UNPROVEN, simulated=False):
        sent = order.sending_at or order.created_at
        late = now - sent > timedelta(seconds=5 / seen.divisor + 2)
        if late and not OpsAlert.objects.filter(kind="order_unproven", extra__order=order.client_order_id).exists():
            found.append(f"I10 {order.client_order_id} is {order.status} since {sent} without an alert")
    return found


def books_agree(seen: Seen) -> list[str]:
    """What proved fills say is held is what the venue says, wherever no order is unproven."""
    open_ends = set(Order.objects.filter(status__in=ORDER_UNPROVEN).values_list("venue", "symbol"))
    books: dict[tuple[str, str], Decimal] = {}
    for leg in Leg.objects.filter(hedge__simulated=False).exclude(hedge__status__in=HEDGE_ENDED):
        signed = leg.quantity if leg.position_side == "long" else -leg.quantity
        books[leg.venue, leg.symbol] = books.get((leg.venue, leg.symbol), D(0)) + signed
    keys = (books.keys() | seen.positions.keys()) - open_ends
    return [
        f"books of {key} say {books.get(key, D(0))}, the venue {seen.positions.get(key, D(0))}"
        for key in sorted(keys)
        if books.get(key, D(0)) != seen.positions.get(key, D(0))
    ]


def reservations_agree(_: Seen) -> list[str]:
    """None is left behind by a hedge that is not in flight any more, and none is lost while one is opening."""
    held = set(Reservation.objects.filter(status="held").values_list("hedge_id", flat=True))
    statuses = dict(Hedge.objects.values_list("pk", "status"))
    left = [hedge for hedge in held if statuses.get(hedge) not in HEDGE_IN_FLIGHT]
    lost = [hedge for hedge, status in statuses.items() if status == HedgeStatus.OPENING and hedge not in held]
    return [
        *(f"the reservation of {hedge} is held and the hedge is {statuses.get(hedge)}" for hedge in left),
        *(f"{hedge} is opening without a reservation" for hedge in lost),
    ]


def fills_agree(_: Seen) -> list[str]:
    """Booked fills never exceed what their order says it filled."""
    booked = dict(Fill.objects.values_list("order").annotate(total=Sum("quantity")))
    return [
        f"{order.client_order_id} filled {order.filled_quantity}, booked {booked.get(order.pk, D(0))}"
        for order in Order.objects.filter(fills_booked=True)
        if booked.get(order.pk, D(0)) != order.filled_quantity
    ]


CHECKS: tuple[Callable[[Seen], list[str]], ...] = (
    i1_neutral, i2_once, i3_hold, i4_journaled, i5_approvals, i6_recorded, i7_secrets, i8_calm, i9_simulated,
    i10_alarmed, books_agree, fills_agree, reservations_agree,
)  # fmt: skip


def violations(seen: Seen) -> list[str]:
    return [sentence for check in CHECKS for sentence in check(seen)]


def opening_orders(seen: Seen) -> int:
    """How many opening orders this installation's rows hold: for cases that must send none."""
    return Order.objects.filter(purpose__in=OPENING_PURPOSES, sending_at__isnull=False).count()
