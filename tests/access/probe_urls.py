"""The product's routes, and a few views that the tests of the edge put beside them."""

import time
from decimal import Decimal
from typing import Any, ClassVar

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import AUDITORS, DeskView
from audit.context import current_actor
from propbot.errors import RefusedError
from propbot.http.fields import NumberField, WholeNumberField
from propbot.http.serializers import EmptyBody, StrictSerializer

calls: list[str] = []


class ProbeBody(StrictSerializer):
    amount = NumberField(above=0)
    threshold = NumberField(minimum=0, required=False)
    count = WholeNumberField(required=False, maximum=10)


class ProbeView(DeskView):
    """Operators post; everybody reads."""

    def get(self, request: Request) -> Response:
        return Response({"money": Decimal("1E-8"), "who": request.person.name})  # type: ignore[attr-defined]

    def post(self, request: Request) -> Response:
        given = self.body(request, ProbeBody)
        calls.append(str(given["amount"]))
        if given["reason"] == "slow":
            time.sleep(0.3)
        if given["reason"] == "refuse":
            raise RefusedError("no_way", "this cannot be", status=423, context={"cap": Decimal(5)})
        actor = current_actor()
        return Response({"amount": given["amount"], "call": len(calls), "actor": actor.name, "claimed": actor.claimed})


class StopView(DeskView):
    never_limited = True

    def post(self, request: Request) -> Response:
        self.body(request, EmptyBody)
        calls.append("stop")
        return Response({"stopped": True})


class AuditorsView(DeskView):
    read_roles: ClassVar[Any] = AUDITORS

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [
    path("probe", ProbeView.as_view()),
    path("probe/stop", StopView.as_view()),
    path("probe/auditors", AuditorsView.as_view()),
    path("", include("approvals.urls")),
]
