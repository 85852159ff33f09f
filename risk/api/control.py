"""Hold, resume, control: thin views over the services."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import DeskView
from approvals.models import ApprovalRequest
from approvals.services import approval_decide
from audit.context import current_actor
from propbot.errors import RefusedError
from propbot.http.serializers import EmptyBody
from risk.api.bodies import ConfirmBody, ControlBody
from risk.reports.desk import control_state_payload, hold_payload, resume_request_payload, safety_payload
from risk.selectors import desk_read
from risk.services.control import control_change
from risk.services.desk import resume, resume_request
from risk.services.hold import hold_engage


class HoldView(DeskView):
    """POST /api/ui/hold and /stop: at once, by any operator, however many requests came before."""

    never_limited = True

    def still_true(self, answer: tuple[int, Any]) -> bool:
        """A stop that was answered before the desk ran again stops nothing: the same key stops it anew (law 1)."""
        return desk_read().hold_active

    def post(self, request: Request) -> Response:
        reason = self.body(request, EmptyBody)["reason"]
        return Response(hold_payload(hold_engage(reason=reason or "no reason given", source=current_actor().name)))


class ResumeRequestView(DeskView):
    def post(self, request: Request) -> Response:
        row = resume_request(reason=self.body(request, EmptyBody)["reason"])
        return Response({"resume_request": resume_request_payload(row), "hold_active": desk_read().hold_active})


def resume_to_confirm() -> ApprovalRequest:
    """The pending request; else the newest one that this HOLD or its predecessor decided or let expire; else 404."""
    rows = ApprovalRequest.objects.filter(action="resume", target="desk").order_by("-requested_at")
    row = rows.filter(status="pending").first() or rows.first()
    stale = row is not None and row.status not in ("pending", "expired") and row.hold_id != desk_read().hold_id
    if row is None or stale:
        raise RefusedError("none_pending", "no resume request is pending", status=404)
    return row


class ResumeConfirmView(DeskView):
    def post(self, request: Request) -> Response:
        body = self.body(request, ConfirmBody)
        result = approval_decide(
            approval_id=resume_to_confirm().pk,
            approve=True,
            token=body["token"],
            otp=body["otp"] or None,
            seen_digest=body["payload_digest"] or None,
        )
        desk = desk_read()
        return Response({**result, "hold_active": desk.hold_active, "safety": safety_payload(desk)})


class ResumeView(DeskView):
    def post(self, request: Request) -> Response:
        desk = resume(reason=self.body(request, EmptyBody)["reason"])
        return Response({"mode": desk.mode, "hold_active": desk.hold_active, "safe_mode": desk.safe_mode})


class ControlView(DeskView):
    """PATCH /api/ui/control: 200 for what tightens, 202 when a part waits for a second person."""

    def patch(self, request: Request) -> Response:
        body = self.body(request, ControlBody)
        reason = body.pop("reason")
        if not body:
            raise RefusedError("no_changes", "name at least one control setting")
        result = control_change(changes=body, reason=reason)
        answer: dict[str, object] = {"control": control_state_payload(), "changes": result.changes}
        if result.pending is None:
            return Response(answer)
        answer.update(
            request_id=str(result.pending.pk),
            status="pending",
            requests=[{"request_id": str(row.pk), "sentence": row.sentence} for row in result.requests],
        )
        return Response(answer, status=202)
