"""Requests that end without a decision: out of time, out of date, taken back."""

from collections.abc import Iterable

from django.db.models import QuerySet
from guardian.models import UserObjectPermission

from approvals.choices import RequestStatus
from approvals.models import ApprovalRequest, Person
from audit.services import audited, record
from propbot import statements
from propbot.clock import database_now

# Prewritten: each HOLD asks it before it answers.
OLDER = "WHERE status = 'pending' AND bound_to_hold AND hold_id < %s ORDER BY requested_at DESC"


def revoke_deciders(row: ApprovalRequest) -> None:
    UserObjectPermission.objects.filter(object_pk=str(row.pk), permission__codename="decide_approvalrequest").delete()


def _end(row: ApprovalRequest, status: RequestStatus, cause: str) -> int:
    with audited():
        moved = ApprovalRequest.objects.filter(pk=row.pk, status=RequestStatus.PENDING).update(status=status)
        if moved:
            revoke_deciders(row)
            details = {"request_id": str(row.pk), "cause": cause}
            record(action=f"{row.action}_{status.value}", target=row.target or str(row.pk), details=details)
    return moved


def _end_all(rows: Iterable[ApprovalRequest], status: RequestStatus, cause: str) -> int:
    return sum(_end(row, status, cause) for row in rows)


def _pending() -> QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(status=RequestStatus.PENDING)


def approvals_expire_due() -> int:
    """End every pending request whose time is over, by the database's clock; how many."""
    return _end_all(_pending().filter(expires_at__lte=database_now()), RequestStatus.EXPIRED, "out of time")


def approval_expire_for_hold(*, hold_id: int) -> int:
    """A newer HOLD voids what was asked under an older one. Joins the caller's ``audited()``."""
    older = statements.found(ApprovalRequest, OLDER, [hold_id])
    return _end_all(older, RequestStatus.EXPIRED, f"HOLD {hold_id} came after it")


def approval_withdraw(*, row: ApprovalRequest, person: Person) -> bool:
    """The requester takes it back; False when it was decided first."""
    if row.requested_by_id != person.pk:
        return False
    return bool(_end(row, RequestStatus.WITHDRAWN, f"taken back by {person.name}"))
