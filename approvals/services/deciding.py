"""Deciding a request: one conditional UPDATE, one execution row, one transaction (RELIABILITY S9).

The checks before it give the caller a fitting answer; the UPDATE is the guard. It compares persons,
time, payload, HOLD and role at the moment it runs, and its row count says who won.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from approvals.choices import RequestStatus
from approvals.models import ApprovalExecution, ApprovalRequest, Person
from approvals.registry import GuardedAction, action_named, current_hold_id
from approvals.services.expiry import approvals_expire_due, revoke_deciders
from approvals.services.refusals import cooldown_seconds, refusal_of
from approvals.services.requests import acting_person
from approvals.services.tokens import approve_token_check, chat_factor_check, otp_check
from audit.canonical import digest, plain
from audit.context import current_actor
from audit.services import alert, audited, record
from propbot.clock import database_now
from propbot.errors import RefusedError

log = structlog.get_logger(__name__)

# A chat remembers what is written in it: the approve token never goes there, a one-time code may (SPEC 11).
CHAT = "telegram"
DECIDE = """
UPDATE approvals_approvalrequest AS r
SET status = %(status)s, decided_by_id = %(person)s, decided_by_name = %(name)s,
    decided_channel = %(channel)s, decided_at = clock_timestamp()
WHERE r.id = %(id)s AND r.status = 'pending' AND r.expires_at > clock_timestamp()
  AND (r.requested_by_id <> %(person)s OR NOT r.two_man)
  AND r.payload_digest = %(digest)s
  AND (NOT r.bound_to_hold OR r.hold_id = %(hold)s OR %(status)s = 'denied')
  AND EXISTS (
    SELECT 1 FROM approvals_person p
    JOIN approvals_personaccount a ON a.person_id = p.id
    JOIN auth_user u ON u.id = a.user_id AND u.is_active
    JOIN auth_user_groups ug ON ug.user_id = u.id
    JOIN auth_group g ON g.id = ug.group_id AND g.name = 'operator'
    WHERE p.id = %(person)s AND p.active
      AND p.operator_since + make_interval(secs => %(cooldown)s) <= clock_timestamp())
RETURNING r.id
"""


# HOLD takes it exclusively before it voids pending requests: whoever approves takes it first too,
# so that the two wait for each other in one order only.
DESK_LOCK = 0x50420001


def _hold_of(guarded: GuardedAction) -> int | None:
    return current_hold_id() if guarded.current_hold else None


def _wait_longer() -> None:
    """Many may confirm at once: they queue for longer than an ordinary lock may be waited for."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '12s'")


def _lock_desk_and_person(person: Person) -> None:
    """A concurrent loss of role takes the person's row FOR UPDATE: it is seen, or it waits."""
    _wait_longer()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DESK_LOCK])
        cursor.execute("SELECT 1 FROM approvals_person WHERE id = %s FOR SHARE", [person.pk])


def _conditional_update(
    row: ApprovalRequest, person: Person, status: RequestStatus, seen_digest: str, hold_id: int | None
) -> bool:
    values: dict[str, str | float | uuid.UUID | None] = {
        "id": row.pk,
        "status": status.value,
        "person": person.pk,
        "name": person.name,
        "channel": current_actor().channel[:32],
        "digest": seen_digest,
        "hold": hold_id,
        "cooldown": cooldown_seconds(),
    }
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, values)
        return cursor.fetchone() is not None


def _lost(row: ApprovalRequest, person: Person, seen_digest: str | None, guarded: GuardedAction) -> RefusedError:
    """The UPDATE matched nothing: say why, from what the database holds now."""
    row.refresh_from_db()
    refusal = refusal_of(row, person, seen_digest, _hold_of(guarded))
    return refusal or RefusedError("forbidden", "only an active operator may decide this", status=403)


def _run(guarded: GuardedAction, row: ApprovalRequest, person: Person) -> dict[str, Any]:
    """Inside the transaction: the execution row, the preconditions, the function, the end."""
    if digest(row.payload) != row.payload_digest:
        raise RefusedError("payload_changed", "the stored payload does not match its digest", status=409)
    ApprovalExecution.objects.create(
        approval=row, action=row.action, hold_id=row.hold_id, person=person, at=database_now()
    )
    if guarded.preconditions:
        guarded.preconditions(row)
    result = plain(guarded.execute(row, row.payload))
    if not isinstance(result, dict):
        raise TypeError(f"the execution of {row.action} gave no object")
    ApprovalRequest.objects.filter(pk=row.pk, status=RequestStatus.APPROVED).update(
        status=RequestStatus.EXECUTED, executed_at=database_now(), result=result
    )
    return result


def _details(row: ApprovalRequest) -> dict[str, object]:
    return {
        "request_id": str(row.pk),
        "payload": row.payload,
        "payload_digest": row.payload_digest,
        "requested_by": row.requested_by_name,
        "hold_id": row.hold_id,
    }


def _approve(guarded: GuardedAction, row: ApprovalRequest, person: Person, seen_digest: str) -> dict[str, Any]:
    target = row.target or str(row.pk)
    with audited():
        _lock_desk_and_person(person)
        if not _conditional_update(row, person, RequestStatus.APPROVED, seen_digest, _hold_of(guarded)):
            raise _lost(row, person, seen_digest, guarded)
        row.refresh_from_db()
        revoke_deciders(row)
        record(action=f"{row.action}_approve", target=target, status="approved", details=_details(row))
        result = _run(guarded, row, person)
        record(action=row.action, target=target, details={**_details(row), "approved_by": person.name})
    row.refresh_from_db()
    return result


def _deny(guarded: GuardedAction, row: ApprovalRequest, person: Person, seen_digest: str) -> dict[str, Any]:
    with audited():
        _lock_desk_and_person(person)
        if not _conditional_update(row, person, RequestStatus.DENIED, seen_digest, _hold_of(guarded)):
            raise _lost(row, person, seen_digest, guarded)
        revoke_deciders(row)
        record(action=f"{row.action}_deny", target=row.target or str(row.pk), status="denied", details=_details(row))
    row.refresh_from_db()
    return {"denied": True}


def _mark_failed(row: ApprovalRequest, person: Person, error: Exception) -> None:
    """The function broke: the approval is used up, and the record says that nothing was done."""
    failure = error.__class__.__name__
    with audited():
        _lock_desk_and_person(person)
        if _conditional_update(
            row, person, RequestStatus.APPROVED, row.payload_digest, _hold_of(action_named(row.action))
        ):
            ApprovalRequest.objects.filter(pk=row.pk).update(status=RequestStatus.FAILED, failure=failure)
            revoke_deciders(row)
            details = {**_details(row), "failure": failure}
            record(action=row.action, target=row.target or str(row.pk), status="failed", details=details)
    alert(kind="approval_failed", severity="critical", text=f"Approved, but failed ({failure}): {row.sentence}")


def _record_refusal(row: ApprovalRequest, error: RefusedError, approve: bool) -> None:
    verb = "approve" if approve else "deny"
    status = "forbidden" if error.status == 403 else "denied"
    details = {"request_id": str(row.pk), "error": error.code, "requested_by": row.requested_by_name}
    with transaction.atomic():
        _wait_longer()
        record(action=f"{row.action}_{verb}", target=row.target or str(row.pk), status=status, details=details)
    if error.code == "same_person":
        text = f"{current_actor().name} tried to decide a request of the same person: {row.sentence}"
        alert(kind="self_approval_refused", severity="warning", text=text, extra={"request_id": str(row.pk)})


def _decide(
    row: ApprovalRequest, person: Person, approve: bool, token: str, otp: str | None, seen_digest: str | None
) -> dict[str, Any]:
    guarded = action_named(row.action)
    in_chat = current_actor().channel == CHAT
    (chat_factor_check if in_chat else approve_token_check)(person=person, token=token)
    refusal = refusal_of(row, person, seen_digest, _hold_of(guarded))
    if refusal:
        raise refusal
    otp_check(person=person, otp=otp, required=in_chat)
    decide = _approve if approve else _deny
    try:
        return decide(guarded, row, person, seen_digest or row.payload_digest)
    except RefusedError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        log.exception("approved_action_failed", action=row.action, request_id=str(row.pk))
        _mark_failed(row, person, error)
        message = f"{row.action} was approved and failed inside; nothing of it was done"
        raise RefusedError("execution_failed", message, status=500) from error


def find_request(approval_id: uuid.UUID | str) -> ApprovalRequest:
    try:
        wanted = approval_id if isinstance(approval_id, uuid.UUID) else uuid.UUID(str(approval_id))
    except ValueError:
        raise RefusedError("not_found", "no such request", status=404) from None
    row = ApprovalRequest.objects.filter(pk=wanted).first()
    if row is None:
        raise RefusedError("not_found", "no such request", status=404)
    return row


def approval_decide(
    *, approval_id: uuid.UUID | str, approve: bool, token: str, otp: str | None = None, seen_digest: str | None = None
) -> dict[str, Any]:
    """Approve and execute, or deny. The actor of the context decides; the answer is the action's result.

    RefusedError: 401 ``bad_token``/``otp_required``/``bad_otp``, 403 ``same_person``/``forbidden``/
    ``cooldown``, 404 ``not_found``, 409 ``already_decided``/``hold_changed``/``payload_changed``,
    410 ``expired``, 429 ``approval_locked``; and whatever the action's own preconditions refuse with.
    Every refusal is recorded.
    """
    row = find_request(approval_id)
    try:
        person = acting_person()
        result = _decide(row, person, approve, token, otp, seen_digest)
    except RefusedError as error:
        _record_refusal(row, error, approve)
        raise
    return result


def _newest(action: str, target: str) -> ApprovalRequest | None:
    """The pending request, else the one that ended a moment ago, so that its end can be told."""
    rows = ApprovalRequest.objects.filter(action=action, target=target).order_by("-requested_at")
    row = rows.filter(status=RequestStatus.PENDING).first() or rows.first()
    if row is None or row.status == RequestStatus.PENDING:
        return row
    told_for = timedelta(seconds=2 * settings.PROPBOT.integer("APPROVAL_TTL_SEC"))
    forgotten = database_now() - (row.decided_at or row.expires_at) > told_for
    # A decision about an older HOLD says nothing about this one; an unanswered request still does.
    decided = row.status != RequestStatus.EXPIRED
    other_hold = row.bound_to_hold and decided and row.hold_id != current_hold_id()
    return None if forgotten or other_hold else row


def approval_confirm(
    *, action: str, target: str = "", token: str, otp: str | None = None, seen_digest: str | None = None
) -> Mapping[str, Any]:
    """resume-confirm, kill-confirm and the like: decide the newest request of that action and target.

    404 ``none_pending`` when none was ever asked; a decided or expired one answers as such.
    """
    approvals_expire_due()
    row = _newest(action, target)
    if row is None:
        raise RefusedError("none_pending", "nothing of the kind was asked", status=404)
    return approval_decide(approval_id=row.pk, approve=True, token=token, otp=otp, seen_digest=seen_digest)
