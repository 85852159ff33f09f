"""The dashboard's form posts: the services of the API behind the same rules, with CSRF, answered to people.

A script gets JSON with a sentence; a browser without one is sent back to the dashboard, which says it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpResponseRedirect
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import OPERATORS, DeskView
from approvals.models import ApprovalRequest
from approvals.services import approval_decide
from audit.context import current_actor
from propbot.http.serializers import EmptyBody, StrictSerializer
from risk.services.control import control_change
from risk.services.desk import hold_engage, resume, resume_request
from risk.services.strategies import budget_reset, strategy_unfreeze_request
from trading.services.kill_requests import KILL, stop_request

CHANGES: Mapping[str, Mapping[str, bool]] = {
    "safe_mode_on": {"safe_mode": True},
    "safe_mode_off": {"safe_mode": False},
    "dry_run_on": {"dry_run_mode": True},
    "dry_run_off": {"dry_run_mode": False},
    "auto_hedge_on": {"auto_hedge_enabled": True},
    "auto_hedge_off": {"auto_hedge_enabled": False},
}


class StrategyBody(StrictSerializer):
    strategy = serializers.CharField(max_length=64)


class ChangeBody(StrictSerializer):
    change = serializers.ChoiceField(choices=sorted(CHANGES))


class DecisionBody(StrictSerializer):
    approval_id = serializers.UUIDField()
    payload_digest = serializers.CharField(max_length=64)
    token = serializers.CharField(max_length=512, trim_whitespace=False)
    otp = serializers.CharField(max_length=16, required=False, allow_blank=True, default="")
    decision = serializers.ChoiceField(choices=("approve", "deny"))


class DeskForm(DeskView):
    """One form. ``act`` does it and answers with the sentence that the operator reads."""

    write_roles = OPERATORS
    parser_classes = [FormParser, MultiPartParser]
    fields: ClassVar[type[StrictSerializer]] = EmptyBody
    http_method_names = ["post"]

    def act(self, body: dict[str, Any]) -> str:
        raise NotImplementedError

    def post(self, request: Request) -> Response:
        fields = dict(request.data.items()) if isinstance(request.data, Mapping) else {}
        fields.pop("csrfmiddlewaretoken", None)
        form = self.fields(data=fields)
        form.is_valid(raise_exception=True)
        return Response({"message": self.act(dict(form.validated_data))})

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Errors get their sentence too, and a browser without script gets the dashboard back."""
        if isinstance(getattr(response, "data", None), dict):
            response.data.setdefault("message", _sentence(response.data))
        if not _wants_page(request) or response.status_code in (401, 403):
            return super().finalize_response(request, response, *args, **kwargs)
        level = messages.SUCCESS if response.status_code < 400 else messages.ERROR
        messages.add_message(request._request, level, response.data["message"])
        return HttpResponseRedirect("/ui/dashboard")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.META.get("HTTP_ACCEPT", "")


def _sentence(data: Mapping[str, Any]) -> str:
    detail = data.get("detail")
    if isinstance(detail, Mapping):
        return str(detail.get("message") or detail.get("error") or "refused")
    return str(detail or "done")


def _asked(row: ApprovalRequest) -> str:
    return f"Asked: {row.sentence}. Awaiting second confirmation by another operator."


class HoldForm(DeskForm):
    never_limited = True

    def act(self, body: dict[str, Any]) -> str:
        done = hold_engage(reason=body["reason"] or "from the dashboard", source=current_actor().name)
        on_wire = "which orders are on the wire could not be read" if done.in_flight is None else _wire(done.in_flight)
        return f"HOLD #{done.hold_id} stands: {on_wire}."


def _wire(in_flight: list[str]) -> str:
    return f"{len(in_flight)} orders still on the wire" if in_flight else "no order is on the wire"


class ResumeRequestForm(DeskForm):
    def act(self, body: dict[str, Any]) -> str:
        return _asked(resume_request(reason=body["reason"]))


class ResumeForm(DeskForm):
    def act(self, body: dict[str, Any]) -> str:
        return f"Mode is {resume(reason=body['reason']).mode}."


class ControlForm(DeskForm):
    fields = ChangeBody

    def act(self, body: dict[str, Any]) -> str:
        done = control_change(changes=CHANGES[body["change"]], reason=body["reason"])
        if done.pending is not None:
            return _asked(done.pending)
        return f"Done: {body['change'].replace('_', ' ')}." if done.changes else "Nothing to change."


class KillForm(DeskForm):
    never_limited = True

    def act(self, body: dict[str, Any]) -> str:
        asked = stop_request(action=KILL, reason=body["reason"])
        return f"HOLD and SAFE_MODE stand. {_asked(asked)}"


class UnfreezeForm(DeskForm):
    fields = StrategyBody

    def act(self, body: dict[str, Any]) -> str:
        return _asked(strategy_unfreeze_request(name=body["strategy"], reason=body["reason"]))


class BudgetResetForm(DeskForm):
    fields = StrategyBody

    def act(self, body: dict[str, Any]) -> str:
        budget_reset(name=body["strategy"], reason=body["reason"])
        return f"The daily budget of {body['strategy']} was reset; it is recorded and alerted."


class DecisionForm(DeskForm):
    """Approve or deny. The digest is of what this page showed: something else than that is a 409."""

    fields = DecisionBody

    def act(self, body: dict[str, Any]) -> str:
        approve = body["decision"] == "approve"
        approval_decide(
            approval_id=body["approval_id"],
            approve=approve,
            token=body["token"],
            otp=body["otp"] or None,
            seen_digest=body["payload_digest"],
        )
        return "Approved and executed." if approve else "Denied."
