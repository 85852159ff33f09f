"""HOLD: anyone in the operator group, each guard and every start engages it, at once and whatever else is down."""

import time
from functools import partial

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from approvals.services import approval_expire_for_hold
from audit.services import alert, audited, record, spool
from propbot.clock import utc_now
from propbot.errors import RecordingFailedError, RefusedError
from propbot.redaction import redact_text
from risk import hold_file
from risk.choices import DeskMode
from risk.desk import HoldResult
from risk.models import DeskState
from risk.ports import PortsNotRegisteredError, ports
from risk.services.locks import desk_lock_exclusive
from risk.signals import desk_changed

log = structlog.get_logger(__name__)

# Each attempt waits at most lock_timeout (1 s); openings are short, so the second one is rare.
HOLD_ATTEMPTS = 8


def desk_row_for_change() -> DeskState:
    """The row, under the exclusive desk lock: no opening order is being journaled meanwhile."""
    desk_lock_exclusive()
    return DeskState.objects.select_for_update().get(pk=1)


def hold_write(*, reason: str, source: str) -> DeskState:
    """The row's own change, inside the caller's transaction and under the desk lock. A reason typed into a chat or a
    shell may hold a secret: it would stand in the desk's state, in alerts and in reports (law 11)."""
    row = desk_row_for_change()
    now = utc_now()
    row.hold_id += 1
    row.hold_active = True
    row.hold_reason, row.hold_source, row.hold_since = redact_text(reason), source, now
    row.safe_mode, row.mode, row.changed_at = True, DeskMode.HOLD, now
    row.autopilot_armed = False
    row.save()
    return row


def _details(row: DeskState) -> dict[str, object]:
    return {"hold_id": row.hold_id, "reason": row.hold_reason, "source": row.hold_source}


def _engage_recorded(reason: str, source: str) -> DeskState:
    with audited():
        row = hold_write(reason=reason, source=source)
        record(action="hold", target="desk", details=_details(row))
    return row


def _engage_spooled(reason: str, source: str) -> DeskState:
    """The audit cannot be written: HOLD passes all the same, with its record on disk (law 1)."""
    with transaction.atomic():
        row = hold_write(reason=reason, source=source)
    spool(action="hold", target="desk", details=_details(row))
    return row


def _engage(reason: str, source: str) -> DeskState:
    try:
        return _engage_recorded(reason, source)
    except RecordingFailedError:
        log.error("hold_record_spooled", reason=reason, source=source)
        return _engage_spooled(reason, source)


def _drop_dead_connection() -> None:
    if not connection.in_atomic_block and connection.connection is not None and not connection.is_usable():
        connection.close()


def _engage_with_retry(reason: str, source: str) -> DeskState:
    last: Exception | None = None
    for _ in range(HOLD_ATTEMPTS):
        try:
            return _engage(reason, source)
        except (DatabaseError, InterfaceError) as error:  # whatever it was, a stop is tried again
            last = error
            _drop_dead_connection()
            time.sleep(0.02)
    spool(action="hold", target="desk", details={"reason": reason, "source": source, "row": "not written"})
    raise RefusedError(
        "hold_unconfirmed",
        "The HOLD file stands and stops every opening order, but the database did not take the HOLD; repeat it",
        status=503,
    ) from last


def _in_flight() -> list[str] | None:
    """Read after the commit: nothing can enter the wire any more, so this names all that still may arrive."""
    try:
        return ports().in_flight()
    except (DatabaseError, PortsNotRegisteredError) as error:
        log.error("hold_in_flight_unread", cause=error.__class__.__name__)
        return None


def _write_file(reason: str, source: str, hold_id: int | None) -> None:
    try:
        hold_file.write(reason=reason, source=source, hold_id=hold_id, at=utc_now(), durable=hold_id is None)
    except OSError as error:
        # A full or read-only disk must not keep the row from stopping the desk.
        log.error("hold_file_not_written", cause=error.__class__.__name__)


def _expire_requests(hold_id: int) -> None:
    try:
        approval_expire_for_hold(hold_id=hold_id)
    except (DatabaseError, RecordingFailedError) as error:
        # Harmless: a request of an older HOLD is refused by its hold_id when it is decided.
        log.warning("hold_requests_not_expired", cause=error.__class__.__name__)


def after_hold(row: DeskState) -> None:
    """What follows a committed HOLD and may fail without harm, but for the file, which names the HOLD now."""
    _write_file(row.hold_reason, row.hold_source, row.hold_id)
    _expire_requests(row.hold_id)
    alert(
        kind="hold_engaged",
        severity="critical",
        text=f"HOLD #{row.hold_id} engaged by {row.hold_source}: {row.hold_reason}",
        extra=_details(row),
    )
    desk_changed.send_robust(sender=DeskState, what="desk")


def hold_engage(*, reason: str, source: str) -> HoldResult:
    """Stop the desk. When this returns, no opening order can enter the wire but those that ``in_flight`` names.

    Needs neither Redis nor an approver. Never call it inside a transaction: what it answers is durable.
    Raises RefusedError 503 ``hold_unconfirmed`` when the database does not take it; the HOLD file stands then.
    """
    reason = redact_text(reason)
    _write_file(reason, source, None)
    row = _engage_with_retry(reason, source)
    after_hold(row)
    return HoldResult(hold_id=row.hold_id, in_flight=_in_flight(), at=row.hold_since or utc_now())


def hold_engage_unless_held(*, reason: str, source: str) -> HoldResult | None:
    """For guards that see the same breach again and again: a standing HOLD keeps its hold_id and its requests."""
    row = DeskState.objects.filter(pk=1, hold_active=True).first()
    if row is None:
        return hold_engage(reason=reason, source=source)
    if not hold_file.present():  # somebody took it away by hand
        _write_file(row.hold_reason, row.hold_source, None)
        _write_file(row.hold_reason, row.hold_source, row.hold_id)
    return None


def hold_release_file(hold_id: int) -> None:
    """After the commit of the approved release: take the file away, unless a newer HOLD has put its own."""
    transaction.on_commit(partial(_remove_file, hold_id))


def _remove_file(hold_id: int) -> None:
    try:
        if not hold_file.remove(hold_id=hold_id) and hold_file.present():
            log.warning("hold_file_of_another_hold_stands", hold_id=hold_id)
    except OSError as error:
        # The file then goes on blocking openings, and the status says so.
        log.error("hold_file_not_removed", hold_id=hold_id, cause=error.__class__.__name__)
