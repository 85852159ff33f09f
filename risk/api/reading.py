"""What everybody with a role may read."""

from collections.abc import Callable
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import DeskView
from risk.reports import accounting, snapshot


class ReportView(DeskView):
    """One report per path; it is computed for the request, so that no figure on it is older than the answer."""

    report: ClassVar[Callable[[], dict[str, Any]]]

    def get(self, request: Request) -> Response:
        return Response(type(self).report())


class RiskSnapshotView(ReportView):
    report = snapshot.risk_snapshot_payload


class RiskStateView(ReportView):
    report = accounting.risk_state_payload


class CapitalView(ReportView):
    report = accounting.capital_payload


class StrategyBudgetView(ReportView):
    report = accounting.strategy_budget_payload


class StrategyStatusView(ReportView):
    report = accounting.strategy_status_payload
