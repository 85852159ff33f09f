"""Orders, hedge log, plan, universe, venue health and PnL history."""

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import OPERATORS, DeskView
from propbot.http.paging import page_of
from trading.api.bodies import UniverseBody
from trading.selectors import attempts, orders
from trading.selectors.universe import universe_payload
from trading.services.universe import symbol_allow_request, symbol_checked, symbol_disallow


class OrdersView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(orders.orders_payload(page_of(request.query_params, default=100).limit))


class HedgeLogView(DeskView):
    def get(self, request: Request) -> Response:
        return Response({"entries": attempts.hedge_log(page_of(request.query_params, default=100).limit)})


class LastPlanView(DeskView):
    def get(self, request: Request) -> Response:
        return Response({"last_plan": attempts.last_plan()})


class UniverseView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(universe_payload())


class UniverseSymbolView(DeskView):
    """Out at once, in with a second operator."""

    write_roles = OPERATORS

    def post(self, request: Request, symbol: str) -> Response:
        body = self.body(request, UniverseBody)
        symbol = symbol_checked(symbol)
        if not body["allowed"]:
            entry = symbol_disallow(symbol=symbol, reason=body["reason"])
            return Response({"symbol": entry.symbol, "allowed": entry.allowed})
        pending = symbol_allow_request(symbol=symbol, reason=body["reason"])
        if pending is None:
            return Response({"symbol": symbol, "allowed": True})
        return Response({"symbol": symbol, "allowed": False, "request_id": pending.pk, "status": "pending"}, status=202)


class ExchangeHealthView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(orders.exchange_health())


class PnlHistoryView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(orders.pnl_history_payload(page_of(request.query_params, default=100).limit))
