"""Why somebody cannot decide a request: asked before the decision, and again when it was lost."""

from decimal import Decimal

from django.conf import settings
from guardian.models import UserObjectPermission

from approvals.choices import RequestStatus
from approvals.models import ApprovalRequest, Person
from approvals.services.tokens import same_secret
from propbot.clock import database_now
from propbot.errors import RefusedError


def cooldown_seconds() -> float:
    hours = settings.PROPBOT.optional_decimal("NEW_OPERATOR_COOLDOWN_HOURS")
    if hours is None:
        hours = Decimal(24) if settings.PROPBOT.text("PROFILE") == "live" else Decimal(0)
    return float(hours * 3600)


def _may_decide(row: ApprovalRequest, person: Person) -> bool:
    """Object permission of one of the person's own accounts; a superuser flag is not asked."""
    return UserObjectPermission.objects.filter(
        object_pk=str(row.pk),
        permission__codename="decide_approvalrequest",
        permission__content_type__app_label="approvals",
        user__person_account__person=person,
        user__is_active=True,
    ).exists()


def _cooling_down(person: Person) -> bool:
    if person.operator_since is None:
        return True
    return (database_now() - person.operator_since).total_seconds() < cooldown_seconds()


def _not_decidable(row: ApprovalRequest, hold_id: int | None) -> RefusedError | None:
    """Why nobody can decide it any more."""
    if row.status == RequestStatus.EXPIRED or (
        row.status == RequestStatus.PENDING and row.expires_at <= database_now()
    ):
        if row.bound_to_hold and hold_id is not None and row.hold_id != hold_id:
            return RefusedError("hold_changed", "HOLD was engaged again after this was asked", status=409)
        return RefusedError("expired", "the request has expired", status=410)
    if row.status != RequestStatus.PENDING:
        context = {"status": row.status, "decided_by": row.decided_by_name}
        return RefusedError("already_decided", f"the request is {row.status} already", status=409, context=context)
    if row.bound_to_hold and row.hold_id != hold_id:
        return RefusedError("hold_changed", "HOLD was engaged again after this was asked", status=409)
    return None


def refusal_of(
    row: ApprovalRequest, person: Person, seen_digest: str | None, hold_id: int | None
) -> RefusedError | None:
    """Why this person cannot decide it, in the order in which the contract names it."""
    if row.two_man and row.requested_by_id == person.pk:
        return RefusedError("same_person", "whoever asks cannot decide: a second person is needed", status=403)
    ended = _not_decidable(row, hold_id)
    if ended:
        return ended
    if seen_digest and not same_secret(seen_digest, row.payload_digest):
        return RefusedError("payload_changed", "this is not what the request holds; read it again", status=409)
    if _cooling_down(person):
        return RefusedError("cooldown", "a new operator cannot decide yet", status=403)
    if not _may_decide(row, person):
        # The permission goes when another decision commits: say that, if that is why.
        row.refresh_from_db()
        ended = _not_decidable(row, hold_id)
        return ended or RefusedError("forbidden", "you have no permission to decide this request", status=403)
    return None
