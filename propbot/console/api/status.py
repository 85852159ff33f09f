"""GET /api/ui/status/*: what stands, to everyone with a role."""

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import DeskView
from propbot.console.selectors.overview import components_of, overview_of, slo_of
from propbot.console.selectors.state import state_body
from propbot.console.selectors.status import status_snapshot


class OverviewView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(overview_of(status_snapshot()))


class ComponentsView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(components_of(status_snapshot()))


class SloView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(slo_of(status_snapshot()))


class StateView(DeskView):
    """The whole control state, at two addresses that older clients use."""

    def get(self, request: Request) -> Response:
        return Response(state_body())
