"""The only writer of statuses: look the move up, swap it if it is still what it was, note it in the same transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audit.services import audited, record, spool
from propbot import statements
from propbot.clock import database_now, utc_now
from propbot.errors import RecordingFailedError
from trading.choices import AttemptStatus, HedgeStatus, OrderStatus
from trading.models import Hedge, HedgeAttempt, Order, OrderEvent
from trading.state import ATTEMPT_MOVES, HEDGE_MOVES, ORDER_MOVES, may_move

SENDING_SQL = """
WITH moved AS (
    UPDATE trading_order
       SET status = %(sending)s, sending_at = now.at,
           expires_at = now.at + %(expiry)s::float8 * interval '1 second',
           next_check_at = now.at + %(first_check)s::float8 * interval '1 second'
      FROM (SELECT clock_timestamp() AS at) AS now
     WHERE id = ANY(%(ids)s) AND status = %(planned)s AND trader_epoch = %(epoch)s
 RETURNING id, sending_at, expires_at
), noted AS (
    INSERT INTO trading_orderevent (order_id, at, from_status, to_status, reason, details)
    SELECT id, sending_at, %(planned)s, %(sending)s, '', '{}'::jsonb FROM moved
)
SELECT id, sending_at, expires_at FROM moved
"""


# An order that is planned and marked in one breath: its row begins as what the statement above would make of it.
SENT_ROW = {
    "status": "'sending'",
    "sending_at": "(SELECT at FROM now)",
    "expires_at": "(SELECT at FROM now) + %s::float8 * interval '1 second'",
    "next_check_at": "(SELECT at FROM now) + %s::float8 * interval '1 second'",
}
INSERTED_SENDING_SQL = """
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at), sent AS (
    {insert} RETURNING id, sending_at, expires_at
), noted AS (
    INSERT INTO trading_orderevent (order_id, at, from_status, to_status, reason, details)
    SELECT id, sending_at, 'planned', 'sending', '', '{{}}'::jsonb FROM sent
)
SELECT id, sending_at, expires_at FROM sent
"""


class WrongMoveError(Exception):
    """The table does not know this move: a bug, or a stale object."""


class LostRaceError(Exception):
    """The row was no longer what it was: somebody else moved it. Nothing was changed."""


@dataclass(frozen=True)
class Sent:
    """The committed moment of sending, by the database's clock, and where the venue must refuse."""

    sending_at: datetime
    expires_at: datetime


def _assign(row: Any, changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)


def _hedge_swap(hedge: Hedge, to: HedgeStatus, changes: Mapping[str, object]) -> None:
    old = hedge.status
    if not may_move(HEDGE_MOVES, old, to):
        raise WrongMoveError(f"hedge {hedge.pk}: {old} -> {to}")
    if Hedge.objects.filter(pk=hedge.pk, status=old).update(status=to, **changes) != 1:
        raise LostRaceError(f"hedge {hedge.pk} is no longer {old}")
    _assign(hedge, {"status": to, **changes})


def _hedge_details(hedge: Hedge, old: str, reason: str, details: Mapping[str, object] | None) -> dict[str, object]:
    return {
        "symbol": hedge.symbol,
        "from": str(old),
        "to": str(hedge.status),
        "reason": reason,
        "simulated": hedge.simulated,
        **(details or {}),
    }


def hedge_move(
    *,
    hedge: Hedge,
    to: HedgeStatus,
    reason: str = "",
    details: Mapping[str, object] | None = None,
    **changes: Any,
) -> None:
    """Move a hedge inside the caller's ``audited()`` block; ``changes`` are columns written with it.

    Raises WrongMoveError or LostRaceError and changes nothing.
    """
    old = hedge.status
    _hedge_swap(hedge, to, changes)
    record(action=f"hedge_{to}", target=str(hedge.pk), details=_hedge_details(hedge, old, reason, details))


def hedge_move_reducing(
    *,
    hedge: Hedge,
    to: HedgeStatus,
    reason: str = "",
    also: Callable[[], object] | None = None,
    **changes: Any,
) -> None:
    """The same in its own transaction for what only reduces or keeps: it passes, into the spool, when the audit
    cannot be written (law 1). ``also`` runs in the same transaction."""
    old = hedge.status
    before = {name: getattr(hedge, name) for name in changes}
    try:
        with audited():
            hedge_move(hedge=hedge, to=to, reason=reason, **changes)
            if also is not None:
                also()
    except RecordingFailedError:
        _assign(hedge, {"status": old, **before})
        with transaction.atomic(durable=True):
            _hedge_swap(hedge, to, changes)
            if also is not None:
                also()
        spool(action=f"hedge_{to}", target=str(hedge.pk), details=_hedge_details(hedge, old, reason, None))


def order_move(
    *,
    order: Order,
    to: OrderStatus,
    reason: str = "",
    details: Mapping[str, object] | None = None,
    **changes: Any,
) -> None:
    """Move an order inside the caller's transaction and note the event. Same errors as ``hedge_move``."""
    old = order.status
    if not may_move(ORDER_MOVES, old, to):
        raise WrongMoveError(f"order {order.client_order_id}: {old} -> {to}")
    if Order.objects.filter(pk=order.pk, status=old).update(status=to, **changes) != 1:
        raise LostRaceError(f"order {order.client_order_id} is no longer {old}")
    _assign(order, {"status": to, **changes})
    order_note(order=order, old=old, reason=reason, details=details)


def order_note(*, order: Order, old: str, reason: str, details: Mapping[str, object] | None = None) -> None:
    """An event of an order, with or without a move."""
    OrderEvent.objects.create(
        order=order,
        at=utc_now(),
        from_status=old,
        to_status=order.status,
        reason=reason[:64],
        details=dict(details or {}),
    )


def orders_mark_sending(
    *, orders: Sequence[Order], epoch: int, expiry_seconds: float, first_check_seconds: float
) -> dict[int, Sent]:
    """PLANNED -> SENDING for all of them or none, with the database's time, in one statement.

    Raises LostRaceError when one of them is no longer planned or belongs to another epoch (fencing, law 7).
    """
    planned, sending = OrderStatus.PLANNED.value, OrderStatus.SENDING.value
    asked = {
        "sending": sending, "planned": planned, "expiry": expiry_seconds, "first_check": first_check_seconds,
        "ids": [order.pk for order in orders], "epoch": epoch,
    }  # fmt: skip
    marks = {row[0]: Sent(row[1], row[2]) for row in statements.rows(SENDING_SQL, asked)}
    if len(marks) != len(orders):
        raise LostRaceError("an order was no longer planned under this epoch")
    for order in orders:
        mark = marks[order.pk]
        _assign(order, {"status": sending, "sending_at": mark.sending_at, "expires_at": mark.expires_at})
    return marks


def order_insert_sending(*, order: Order, expiry_seconds: float, first_check_seconds: float) -> dict[int, Sent]:
    """The same for an order that is not stored yet: planned and marked in one statement. Its client id is the guard
    against a second."""
    insert, params = statements.insert_with(order, SENT_ROW, [expiry_seconds, first_check_seconds])
    [(key, sending_at, expires_at)] = statements.rows(INSERTED_SENDING_SQL.format(insert=insert), params)
    _assign(order, {"pk": key, "status": OrderStatus.SENDING.value, "sending_at": sending_at, "expires_at": expires_at})
    order._state.adding = False
    return {key: Sent(sending_at, expires_at)}


def attempt_move(
    *, attempt: HedgeAttempt, to: AttemptStatus, in_time: bool = False, at_field: str, **changes: object
) -> bool:
    """Compare-and-swap of an attempt from the status that ``attempt`` has; False when another process was first.

    ``in_time``: only while ``not_after`` lies ahead, by the database's clock. ``at_field`` is set to that clock.
    Raises WrongMoveError for a move that the table does not know.
    """
    old = attempt.status
    if not may_move(ATTEMPT_MOVES, old, to):
        raise WrongMoveError(f"attempt {attempt.pk}: {old} -> {to}")
    rows = HedgeAttempt.objects.filter(pk=attempt.pk, status=old)
    if in_time:
        rows = rows.filter(not_after__gt=Now())
    changes[at_field] = database_now()
    if rows.update(status=to, **changes) != 1:
        return False
    _assign(attempt, {"status": to, **changes})
    return True
