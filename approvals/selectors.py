"""Requests and people as the API and the pages show them."""

from typing import Any

from django.contrib.auth.models import Group
from guardian.models import UserObjectPermission

from approvals.choices import RequestStatus, Role
from approvals.models import ApprovalRequest, Person
from approvals.roles import STRONGEST_FIRST

RECENT = 50


def request_payload(row: ApprovalRequest, decidable: frozenset[str] = frozenset()) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "action": row.action,
        "target": row.target,
        "sentence": row.sentence,
        "payload": row.payload,
        "payload_digest": row.payload_digest,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
        "hold_id": row.hold_id,
        "requested_by": row.requested_by_name,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "status": row.status,
        "decided_by": row.decided_by_name or None,
        "decided_at": row.decided_at,
        "executed_at": row.executed_at,
        "failure": row.failure,
        "may_decide": str(row.pk) in decidable,
    }


def decidable_by(person: Person | None) -> frozenset[str]:
    """Ids of the requests that this person's accounts hold the object permission for."""
    if person is None:
        return frozenset()
    found = UserObjectPermission.objects.filter(
        permission__codename="decide_approvalrequest", user__person_account__person=person
    )
    return frozenset(found.values_list("object_pk", flat=True))


def pending_requests() -> list[ApprovalRequest]:
    return list(ApprovalRequest.objects.filter(status=RequestStatus.PENDING).order_by("requested_at"))


def approvals_payload(person: Person | None = None) -> dict[str, Any]:
    """``pending`` (oldest first) and ``recent`` (newest first)."""
    mine = decidable_by(person)
    ended = ApprovalRequest.objects.exclude(status=RequestStatus.PENDING)[:RECENT]
    return {
        "pending": [request_payload(row, mine) for row in pending_requests()],
        "recent": [request_payload(row) for row in ended],
    }


def people_payload() -> list[dict[str, Any]]:
    """Everybody and their role; nothing that opens anything."""
    groups: dict[str, set[str]] = {}
    pairs = Group.objects.filter(name__in=Role.values, user__is_active=True, user__person_account__isnull=False)
    for person_id, name in pairs.values_list("user__person_account__person_id", "name"):
        groups.setdefault(str(person_id), set()).add(name)
    return [
        {
            "name": person.name,
            "active": person.active,
            "role": next((role.value for role in STRONGEST_FIRST if role in groups.get(str(person.pk), ())), None),
            "operator_since": person.operator_since,
            "telegram": person.telegram_id is not None,
        }
        for person in Person.objects.all()
    ]
