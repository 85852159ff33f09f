"""The wire: a marked order leaves once, outside any transaction, and its answer is stored (RELIABILITY S4.3, S4.4)."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from propbot import metrics
from risk import hold_file
from trading.models import Order
from trading.runtime.handle import TraderRuntime
from trading.services.outcomes import outcome_store
from trading.venues.base import OrderRequest, Outcome, OutcomeKind, VenueClient, VenueError, VenueOrder

EXPIRY_SECONDS = 2.0
AWAY_SECONDS = 0.005  # what this thread computes before the bytes are out delays them: one thread computes at a time


@dataclass(frozen=True)
class Ticket:
    """An order that is marked as sending, and when: what the wire needs, without the database."""

    order: Order
    request: OrderRequest
    opening: bool
    marked_monotonic: float


@dataclass(frozen=True)
class Answer:
    """What came of one send. ``denied``: it never left, in our own word; ``seen``: a look at the order afterwards."""

    ticket: Ticket
    outcome: Outcome | None
    seen: VenueOrder | None = None
    denied: str = ""
    seconds: float = 0.0

    @property
    def filled(self) -> Decimal:
        proof = self.seen or (self.outcome.order if self.outcome else None)
        return proof.filled_quantity if proof else Decimal(0)


def _last_look(ticket: Ticket) -> str:
    """Why this order must not leave after all; the HOLD file needs no database, the expiry no clock but ours."""
    if time.monotonic() - ticket.marked_monotonic >= EXPIRY_SECONDS:
        return "expired_before_send"
    if ticket.opening and hold_file.present():
        return "hold_file"
    return ""


async def _send(client: VenueClient, ticket: Ticket) -> Answer:
    started = time.monotonic()
    denied = _last_look(ticket)
    if denied:
        return Answer(ticket, None, denied=denied)
    try:
        outcome = await client.submit(ticket.request)
    except Exception as error:  # noqa: BLE001 - bytes may have left: whatever went wrong in the adapter proves nothing
        outcome = Outcome(OutcomeKind.UNKNOWN, code="adapter", text=error.__class__.__name__)
    seen = None if _settled(outcome) else await _look(client, ticket.request)
    answer = Answer(ticket, outcome, seen, seconds=time.monotonic() - started)
    _count(answer, outcome)
    return answer


def _count(answer: Answer, outcome: Outcome) -> None:
    """For /metrics, simulated orders too: they take the same way."""
    order = answer.ticket.order
    metrics.ORDERS_SENT.labels(order.venue, order.purpose).inc()
    metrics.ORDER_OUTCOMES.labels(order.venue, outcome.kind.value).inc()
    metrics.ORDER_CYCLE_SECONDS.labels(order.venue).observe(answer.seconds)


def _settled(outcome: Outcome) -> bool:
    return outcome.kind == OutcomeKind.REJECTED or outcome.order is not None


async def _look(client: VenueClient, request: OrderRequest) -> VenueOrder | None:
    """One question by client id at once: OKX's acknowledgment holds no fill, and a lost answer may have one."""
    try:
        return await client.fetch_order(request.symbol, request.client_order_id)
    except VenueError:
        return None


def transmit(
    runtime: TraderRuntime, tickets: Sequence[Ticket], meanwhile: Callable[[], None] | None = None
) -> list[Answer]:
    """Step 3: every ticket on the wire, all at once, once. No transaction may be open here.

    ``meanwhile`` is done by this thread while the venues answer. What goes wrong there is raised after the answers
    have come; these are then not stored, and their orders stay SENDING until the venue is asked.
    """
    if transaction.get_connection().in_atomic_block:
        raise RuntimeError("no order is sent from inside a transaction")
    sends = (_send(runtime.client(t.order.venue, simulated=t.order.simulated), t) for t in tickets)
    sent = runtime.begin(*sends)
    try:
        if meanwhile is not None:
            wait([sent], AWAY_SECONDS)
            meanwhile()
    finally:
        answers = runtime.finish(sent)
    for answer in answers:
        if answer.outcome is not None and answer.outcome.kind == OutcomeKind.ACCEPTED:
            order = answer.ticket.order
            runtime.proved("" if order.simulated else order.venue, order.client_order_id)
    return answers


def answers_store(answers: Sequence[Answer]) -> None:
    """Step 4, inside the caller's transaction."""
    for answer in answers:
        outcome_store(order=answer.ticket.order, outcome=answer.outcome, seen=answer.seen, denied=answer.denied)
