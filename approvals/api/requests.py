"""Approvals over HTTP: the list, the decision, and the requests that belong to this floor."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import AUDITORS, EVERYONE, OPERATORS, DeskView
from approvals.models import ApprovalRequest
from approvals.selectors import approvals_payload, people_payload, request_payload
from approvals.services import approval_decide, approval_request, approval_withdraw
from approvals.services.deciding import find_request
from propbot.errors import RefusedError
from propbot.http.fields import WholeNumberField
from propbot.http.serializers import EmptyBody, StrictSerializer

# Stopping must not wait in a queue: approving it is as free as asking for it.
UNLIMITED_ACTIONS = ("kill", "cancel_all")
ACCESS_ACTIONS = ("role_change", "person_create", "person_link")


class DecisionBody(StrictSerializer):
    token = serializers.CharField(required=False, allow_blank=True, default="", max_length=512, trim_whitespace=False)
    otp = serializers.CharField(required=False, allow_null=True, default=None, max_length=16)
    payload_digest = serializers.CharField(required=False, allow_null=True, default=None, max_length=64)


class AccessBody(StrictSerializer):
    action = serializers.ChoiceField(choices=ACCESS_ACTIONS)
    person = serializers.CharField(max_length=64)
    role = serializers.CharField(required=False, max_length=16)
    username = serializers.CharField(required=False, max_length=64)
    telegram_id = WholeNumberField(required=False, above=0, maximum=2**52 - 1)


def pending_response(row: ApprovalRequest) -> Response:
    """202: asked, and what was asked."""
    return Response({"request_id": str(row.pk), "status": row.status, "request": request_payload(row)}, status=202)


class ApprovalsView(DeskView):
    read_roles = EVERYONE

    def get(self, request: Request) -> Response:
        return Response(approvals_payload(request.person))  # type: ignore[attr-defined]


class DecisionView(DeskView):
    """Base of approve and deny."""

    write_roles = OPERATORS
    approve: ClassVar[bool]
    body_class = DecisionBody

    def post(self, request: Request, approval_id: UUID) -> Response:
        given = self.body(request, DecisionBody)
        result = approval_decide(
            approval_id=approval_id,
            approve=self.approve,
            token=given["token"],
            otp=given["otp"],
            seen_digest=given["payload_digest"],
        )
        row = find_request(approval_id)
        return Response({**result, "request_id": str(row.pk), "status": row.status, "result": result})

    def _check_rate(self, request: Request) -> None:
        row = ApprovalRequest.objects.filter(pk=self.kwargs.get("approval_id")).only("action").first()
        if row is None or row.action not in UNLIMITED_ACTIONS:
            super()._check_rate(request)


class ApproveView(DecisionView):
    approve = True


class DenyView(DecisionView):
    approve = False


class WithdrawView(DeskView):
    """Taken back by who asked."""

    write_roles = OPERATORS

    def post(self, request: Request, approval_id: UUID) -> Response:
        self.body(request, EmptyBody)
        row = find_request(approval_id)
        if row.requested_by_id != request.person.pk:  # type: ignore[attr-defined]
            raise RefusedError("forbidden", "only who asked may take it back", status=403)
        if not approval_withdraw(row=row, person=request.person):  # type: ignore[attr-defined]
            raise RefusedError("already_decided", "it was decided first", status=409)
        row.refresh_from_db()
        return Response(request_payload(row))


class AccessView(DeskView):
    """Who has which role; a change is asked here and approved by another operator."""

    read_roles = AUDITORS
    write_roles = OPERATORS

    def get(self, request: Request) -> Response:
        return Response({"people": people_payload()})

    def post(self, request: Request) -> Response:
        given: dict[str, Any] = self.body(request, AccessBody)
        action, reason = given.pop("action"), given.pop("reason")
        if "telegram_id" in given:
            given["telegram_id"] = int(given["telegram_id"])
        row = approval_request(action=action, target=given["person"], payload=given, reason=reason)
        return pending_response(row)
