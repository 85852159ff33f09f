"""Limits and budgets."""

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import DeskView
from approvals.models import ApprovalRequest
from risk.api.bodies import LimitBody, StrategyBody
from risk.reports.book import book_read, budget_payload
from risk.reports.desk import limits_payload
from risk.services.limits import limit_change
from risk.services.strategies import BUDGET_FIELDS, budget_change, budget_reset


def pending_answer(row: ApprovalRequest) -> Response:
    """202: it waits for a second person, who sees the same sentence and effects."""
    body = {
        "request_id": str(row.pk),
        "status": "pending",
        "sentence": row.sentence,
        "before": row.before,
        "after": row.after,
        "expires_at": row.expires_at,
    }
    return Response(body, status=202)


class LimitsView(DeskView):
    """GET for everybody; POST lowers at once and asks for raising. A strategy's limit is named ``strategy.field``."""

    def get(self, request: Request) -> Response:
        return Response(limits_payload())

    def post(self, request: Request) -> Response:
        body = self.body(request, LimitBody)
        strategy, dot, field = body["name"].rpartition(".")
        if dot and field in BUDGET_FIELDS:
            pending = budget_change(name=strategy, field=field, value=body["value"], reason=body["reason"])
            return pending_answer(pending) if pending else Response({"name": body["name"], "value": body["value"]})
        result = limit_change(name=body["name"], value=body["value"], reason=body["reason"])
        if result.pending:
            return pending_answer(result.pending)
        return Response({"name": result.name, "value": result.value, "limits_version": result.version})


class BudgetResetView(DeskView):
    def post(self, request: Request) -> Response:
        body = self.body(request, StrategyBody)
        row = budget_reset(name=body["strategy"], reason=body["reason"])
        return Response({"strategy": row.name, "budget": budget_payload(book_read(), row)})
