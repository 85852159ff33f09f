"""Asking for a guarded action."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from guardian.shortcuts import assign_perm

from approvals.models import ApprovalRequest, Person
from approvals.registry import GuardedAction, action_named, current_hold_id
from approvals.roles import active_operators, operator_accounts
from approvals.services.expiry import approvals_expire_due
from audit.canonical import clean_text, digest, plain
from audit.context import current_actor
from audit.services import audited, record
from propbot import statements
from propbot.clock import database_now
from propbot.errors import RefusedError
from propbot.redaction import redact_text

# Prewritten: part of the answer to a HOLD.
ASKED = "WHERE action = %s AND target = %s AND status = 'pending' ORDER BY requested_at DESC LIMIT 1"
DECIDE = "approvals.decide_approvalrequest"


def acting_person(role_needed: str = "operator") -> Person:
    """The person who acts, from the context; 403 without one."""
    actor = current_actor()
    person = Person.objects.filter(pk=actor.person_id, active=True).first() if actor.person_id else None
    if person is None or not active_operators().filter(pk=person.pk).exists():
        raise RefusedError("forbidden", f"only an active {role_needed} may do this", status=403)
    return person


def pending_request(action: str, target: str = "") -> ApprovalRequest | None:
    return next(iter(statements.found(ApprovalRequest, ASKED, [action, target])), None)


def _answer_for_pending(row: ApprovalRequest, person: Person, payload_digest: str) -> ApprovalRequest:
    if row.requested_by_id == person.pk and row.payload_digest == payload_digest:
        return row
    raise RefusedError(
        "already_pending",
        f"{row.requested_by_name} has asked for this already",
        status=409,
        context={"request_id": str(row.pk), "requested_by": row.requested_by_name},
    )


def _new_row(
    guarded: GuardedAction, target: str, payload: dict[str, Any], reason: str, hold_id: int | None, person: Person
) -> ApprovalRequest:
    before, after = guarded.effects(payload)
    now = database_now()
    return ApprovalRequest(
        action=guarded.name,
        target=target,
        payload=payload,
        payload_digest=digest(payload),
        sentence=clean_text(guarded.sentence(payload)),
        before=plain(before),
        after=plain(after),
        reason=redact_text(clean_text(reason)),
        hold_id=hold_id,
        bound_to_hold=guarded.current_hold,
        two_man=settings.PROPBOT.flag("TWO_MAN_RULE"),
        requested_by=person,
        requested_by_name=person.name,
        requested_channel=current_actor().channel,
        requested_at=now,
        expires_at=now + timedelta(seconds=settings.PROPBOT.integer("APPROVAL_TTL_SEC")),
    )


def grant_deciders(row: ApprovalRequest) -> None:
    """The object permission to every other active operator's accounts; to the requester's never."""
    people = active_operators()
    if row.two_man:
        people = people.exclude(pk=row.requested_by_id)
    for account in operator_accounts(people):
        assign_perm(DECIDE, account.user, row)


def _insert(row: ApprovalRequest) -> None:
    with audited():
        row.save(force_insert=True)
        grant_deciders(row)
        record(
            action=f"{row.action}_request",
            target=row.target or str(row.pk),
            status="requested",
            details={"request_id": str(row.pk), "payload": row.payload, "reason": row.reason, "hold_id": row.hold_id},
        )


def approval_request(
    *, action: str, target: str = "", payload: Mapping[str, Any], reason: str, hold_id: int | None = None
) -> ApprovalRequest:
    """Ask a second person. Repeated by the same person: the pending one; by another: 409 ``already_pending``.

    The payload is validated by the action's schema and frozen; ``hold_id`` defaults to the current
    HOLD for actions that are bound to one.
    """
    guarded = action_named(action)
    person = acting_person()
    checked = plain(guarded.payload_schema(dict(payload)))
    if not isinstance(checked, dict):
        raise TypeError(f"the schema of {action} gave no object")
    if guarded.current_hold and hold_id is None:
        hold_id = current_hold_id()
    approvals_expire_due()
    existing = pending_request(action, target)
    if existing:
        return _answer_for_pending(existing, person, digest(checked))
    row = _new_row(guarded, target, checked, reason, hold_id, person)
    try:
        _insert(row)
    except IntegrityError:
        # Another request for the same target came first: the partial unique index let one through.
        winner = pending_request(action, target)
        if winner is None:
            raise
        return _answer_for_pending(winner, person, row.payload_digest)
    return row
