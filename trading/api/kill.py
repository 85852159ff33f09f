"""The kill switch and cancel-all: one operator asks (and stops the desk), another lets the cancels go."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import OPERATORS, DeskView
from approvals.services import approval_confirm
from propbot.http.serializers import EmptyBody, StrictSerializer
from risk.selectors import desk_read
from trading.services.kill_requests import CANCEL_ALL, KILL, stop_request
from trading.services.submission import attempt_wait

ASKED = 202


class TokenBody(StrictSerializer):
    token = serializers.CharField(max_length=256, allow_blank=True, trim_whitespace=False)
    otp = serializers.CharField(max_length=16, required=False, allow_null=True, default=None)
    payload_digest = serializers.CharField(max_length=64, required=False, allow_null=True, default=None)


class StopView(DeskView):
    write_roles = OPERATORS
    never_limited = True
    action: ClassVar[str] = KILL

    def still_true(self, answer: tuple[int, Any]) -> bool:
        """What was asked stopped the desk; asked with the same key after it ran again, it stops it anew (law 1)."""
        return answer[0] != ASKED or desk_read().hold_active

    def requested(self, request: Request) -> Response:
        body = self.body(request, EmptyBody)
        pending = stop_request(action=self.action, reason=body["reason"])
        desk = desk_read()
        return Response(
            {
                "request_id": pending.pk,
                "status": pending.status,
                "expires_at": pending.expires_at,
                "hold_active": desk.hold_active,
                "hold_id": desk.hold_id,
            },
            status=ASKED,
        )

    def confirmed(self, request: Request) -> Response:
        body = self.body(request, TokenBody)
        result = approval_confirm(
            action=self.action, token=body["token"], otp=body["otp"], seen_digest=body["payload_digest"]
        )
        answer = attempt_wait(attempt_id=UUID(str(result["attempt_id"])))
        return Response({**answer.body, "hold_active": desk_read().hold_active}, status=answer.status_code)


class KillRequestView(StopView):
    def post(self, request: Request) -> Response:
        return self.requested(request)


class KillConfirmView(StopView):
    def post(self, request: Request) -> Response:
        return self.confirmed(request)


class KillView(StopView):
    """With ``token`` it confirms, without it it asks."""

    def post(self, request: Request) -> Response:
        return self.confirmed(request) if "token" in request.data else self.requested(request)


class CancelAllRequestView(KillRequestView):
    action = CANCEL_ALL


class CancelAllConfirmView(KillConfirmView):
    action = CANCEL_ALL
