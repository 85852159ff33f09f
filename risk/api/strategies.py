"""Freeze and switch strategies."""

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import DeskView
from approvals.services import approval_confirm
from risk.api.bodies import StrategyBody, StrategyConfirmBody, StrategySwitchBody
from risk.api.limits import pending_answer
from risk.services.strategies import (
    strategy_disable,
    strategy_enable_request,
    strategy_named,
    strategy_unfreeze_request,
)


class UnfreezeView(DeskView):
    """Asks; another operator confirms."""

    def post(self, request: Request) -> Response:
        body = self.body(request, StrategyBody)
        row = strategy_unfreeze_request(name=body["strategy"], reason=body["reason"])
        answer = pending_answer(row)
        answer.data.update(strategy=body["strategy"], reason=row.reason)
        return answer


class UnfreezeConfirmView(DeskView):
    def post(self, request: Request) -> Response:
        body = self.body(request, StrategyConfirmBody)
        result = approval_confirm(
            action="unfreeze_strategy",
            target=strategy_named(body["strategy"]).name,
            token=body["token"],
            otp=body["otp"] or None,
            seen_digest=body["payload_digest"] or None,
        )
        return Response({**result, "reason": body["reason"]})


def switch(name: str, enabled: bool, reason: str) -> Response:
    """Off at once; on with a second person."""
    if not enabled:
        return Response({**strategy_disable(name=name, reason=reason), "reason": reason})
    pending = strategy_enable_request(name=name, reason=reason)
    if pending is None:
        return Response({"strategy": name, "enabled": True, "reason": reason})
    answer = pending_answer(pending)
    answer.data.update(strategy=name, reason=reason)
    return answer


class StrategyEnableView(DeskView):
    def post(self, request: Request) -> Response:
        body = self.body(request, StrategyBody)
        return switch(body["strategy"], True, body["reason"])


class StrategyDisableView(DeskView):
    def post(self, request: Request) -> Response:
        body = self.body(request, StrategyBody)
        return switch(body["strategy"], False, body["reason"])


class StrategySwitchView(DeskView):
    def post(self, request: Request) -> Response:
        body = self.body(request, StrategySwitchBody)
        return switch(body["strategy"], body["enabled"], body["reason"])
