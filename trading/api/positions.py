"""Positions, and what an operator does to them by hand: reductions, never limited, passing HOLD (law 1)."""

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import OPERATORS, DeskView
from propbot.errors import RefusedError
from propbot.http.paging import page_of
from propbot.http.serializers import EmptyBody
from trading.api.arb import answered
from trading.api.bodies import flag_of, word_of
from trading.choices import HEDGE_ENDED, AttemptKind, HedgeStatus
from trading.models import Hedge
from trading.selectors.position_rows import SIMULATED, PositionFilters
from trading.selectors.positions import hedge_named, positions_payload
from trading.services.submission import reduction_submit

PAGE_LENGTH = 25
STATUSES = frozenset({*HedgeStatus.values, SIMULATED})


def filters_of(request: Request) -> PositionFilters:
    query = request.query_params
    status = word_of(query, "status")
    if status and status not in STATUSES:
        words = ", ".join(sorted(STATUSES))
        raise RefusedError("invalid_filter", f"status is one of {words}", context={"field": "status"})
    return PositionFilters(status, word_of(query, "symbol"), word_of(query, "venue"), flag_of(query, "simulated"))


class PositionsView(DeskView):
    def get(self, request: Request) -> Response:
        page = page_of(request.query_params, default=PAGE_LENGTH)
        return Response(positions_payload(filters_of(request), page))


def hedge_for(hedge_id: UUID) -> Hedge:
    hedge = hedge_named(hedge_id)
    if hedge is None:
        raise RefusedError("unknown_position", "no such position", status=404)
    if hedge.status in HEDGE_ENDED:
        raise RefusedError("position_ended", f"the position is {hedge.status}", status=409)
    return hedge


class ReductionView(DeskView):
    """``complete`` matches the legs of a partial hedge: it may add, so the engine asks the desk before it does."""

    write_roles = OPERATORS
    never_limited = True
    kind: ClassVar[str] = AttemptKind.CLOSE

    def post(self, request: Request, hedge_id: UUID) -> Response:
        body = self.body(request, EmptyBody)
        hedge = hedge_for(hedge_id)
        return answered(reduction_submit(kind=self.kind, hedge=hedge, reason=body["reason"] or f"operator_{self.kind}"))


class CloseView(ReductionView):
    kind = AttemptKind.CLOSE


class FlattenView(ReductionView):
    kind = AttemptKind.FLATTEN


class CompleteView(ReductionView):
    kind = AttemptKind.COMPLETE


class CloseExposureView(DeskView):
    write_roles = OPERATORS
    never_limited = True

    def post(self, request: Request) -> Response:
        body = self.body(request, EmptyBody)
        return answered(
            reduction_submit(kind=AttemptKind.CLOSE_ALL, hedge=None, reason=body["reason"] or "close_exposure")
        )
