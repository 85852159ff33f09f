"""Binance USD-M's signed trading and account endpoints."""

import re
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from trading.simulator.accounts import Order
from trading.simulator.binance import views
from trading.simulator.binance.errors import illegal, missing, not_required, refused
from trading.simulator.exchange import Exchange
from trading.simulator.instruments import Instrument
from trading.simulator.orders import NewOrder, Reason, RefusalError
from trading.simulator.wire import Call, Route, VenueError, decimal_or_none

CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
DAY_MS = 86_400_000
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
ALGO_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


def parsed_order(core: Exchange, params: dict[str, str]) -> NewOrder:
    """The order that the parameters ask for, checked for form but not against account or market."""
    for name in ("symbol", "side", "type"):
        if not params.get(name):
            raise missing(name)
    instrument = instrument_of(core, params["symbol"])
    side, kind = params["side"], params["type"]
    if side not in ("BUY", "SELL"):
        raise VenueError(400, -1117, "Invalid side.")
    if kind in ALGO_TYPES:
        raise VenueError(
            400, -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    if kind not in ("LIMIT", "MARKET"):
        raise VenueError(400, -1116, "Invalid orderType.")
    quantity = number(params, "quantity")
    if quantity <= 0:
        raise VenueError(400, -4003, "Quantity less than or equal to zero.")
    time_in_force, price = terms(params, kind)
    return NewOrder(
        symbol=instrument.symbol,
        side=side.lower(),
        kind=kind.lower(),
        time_in_force=time_in_force,
        venue_type=kind,
        quantity=quantity,
        price=price,
        client_id=client_id(params),
        reduce_only=params.get("reduceOnly", "false").lower() == "true",
    )


def terms(params: dict[str, str], kind: str) -> tuple[str, Decimal | None]:
    """Time in force and price: a limit order needs both, a market order may carry neither."""
    if kind == "MARKET":
        for name in ("timeInForce", "price"):
            if name in params:
                raise not_required(name.lower())
        return "IOC", None
    for name in ("timeInForce", "price"):
        if not params.get(name):
            raise missing(name)
    if params["timeInForce"] not in TIMES_IN_FORCE:
        raise VenueError(400, -1115, "Invalid timeInForce.")
    return params["timeInForce"], number(params, "price")


def client_id(params: dict[str, str]) -> str:
    if "newClientOrderId" not in params:
        return ""
    text = params["newClientOrderId"]
    if len(text) > 36:
        raise VenueError(400, -4015, "Client order id length should be less than 36 chars")
    if not CLIENT_ID.match(text):
        raise refused(RefusalError(Reason.CLIENT_ID, CLIENT_ID.pattern))
    return text


def number(params: dict[str, str], name: str) -> Decimal:
    if not params.get(name):
        raise missing(name)
    value = decimal_or_none(params[name])
    if value is None or not re.fullmatch(r"\d{1,20}(\.\d{1,20})?", params[name]):
        raise illegal(name)
    return value


def integer(params: dict[str, str], name: str, default: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,18}", text):
        raise illegal(name)
    return int(text)


def instrument_of(core: Exchange, symbol: str) -> Instrument:
    try:
        return core.instrument(symbol)
    except RefusalError as refusal:
        raise refused(refusal) from refusal


class TradeEndpoints:
    """Orders and fills."""

    def __init__(self, core: Exchange) -> None:
        self.core = core

    def routes(self) -> dict[tuple[str, str], Route]:
        def signed(handler: Any, weight: int = 1) -> Route:
            return Route(handler, signed=True, weight=weight)

        return {
            ("POST", "/fapi/v1/order"): signed(self.place, 0),
            ("POST", "/fapi/v1/batchOrders"): signed(self.place_batch, 5),
            ("GET", "/fapi/v1/order"): signed(self.query),
            ("GET", "/fapi/v1/openOrder"): signed(self.query_open),
            ("GET", "/fapi/v1/openOrders"): signed(self.open_orders),
            ("GET", "/fapi/v1/allOrders"): signed(self.all_orders, 5),
            ("GET", "/fapi/v1/userTrades"): signed(self.user_trades, 5),
            ("DELETE", "/fapi/v1/order"): signed(self.cancel),
            ("DELETE", "/fapi/v1/batchOrders"): signed(self.cancel_batch),
            ("DELETE", "/fapi/v1/allOpenOrders"): signed(self.cancel_all),
            ("POST", "/fapi/v1/countdownCancelAll"): signed(self.countdown, 10),
        }

    def orders_in(self, call: Call) -> list[NewOrder]:
        """The orders that a request carries, as far as they can be read: for faults and the list of arrivals."""
        if call.method != "POST":
            return []
        if call.path == "/fapi/v1/batchOrders":
            rows = self._batch(call)
        elif call.path == "/fapi/v1/order":
            rows = [call.params()]
        else:
            return []
        return [raw_order(self.core, row) for row in rows]

    def _batch(self, call: Call) -> list[dict[str, str]]:
        try:
            rows = orjson.loads(call.params().get("batchOrders", ""))
        except orjson.JSONDecodeError as error:
            raise illegal("batchOrders") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise illegal("batchOrders")
        return [
            {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in row.items()}
            for row in rows
        ]

    def place(self, call: Call) -> dict[str, Any]:
        return self._place(call, call.params())

    def _place(self, call: Call, params: dict[str, str]) -> dict[str, Any]:
        try:
            new = parsed_order(self.core, params)
        except VenueError as error:
            self.core.refuse_arrival(raw_order(self.core, params), str(error.code))
            raise
        new.client_id = new.client_id or f"autogen{self.core.account.next_id + 1}"
        new.fraction = call.fraction
        try:
            self._check_mode(params)
            order = self.core.submit(new)
        except RefusalError as refusal:
            raise refused(refusal) from refusal
        if call.hidden_ms:
            order.visible_from_ms = self.core.market.clock.now_ms() + call.hidden_ms
        return views.order(order, self.core.instrument(order.symbol), params.get("newOrderRespType", "ACK") == "ACK")

    def _check_mode(self, params: dict[str, str]) -> None:
        if self.core.account.settings.hedge_mode or params.get("positionSide", "BOTH") != "BOTH":
            raise RefusalError(Reason.POSITION_SIDE)

    def place_batch(self, call: Call) -> list[dict[str, Any]]:
        rows = self._batch(call)
        if len(rows) > 5:
            raise VenueError(400, -4082, "Invalid number of batch place orders.")
        return [self._one_of_batch(partial(self._place, call, row)) for row in rows]

    def _one_of_batch(self, action: Any) -> dict[str, Any]:
        try:
            return dict(action())
        except VenueError as error:
            return {"code": error.code, "msg": error.message}

    def _find(self, call: Call, params: dict[str, str]) -> Order:
        if not params.get("symbol"):
            raise missing("symbol")
        instrument = instrument_of(self.core, params["symbol"])
        order_id = integer(params, "orderId", -1)
        if order_id < 0 and not params.get("origClientOrderId"):
            raise VenueError(
                400, -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            )
        if call.not_found:
            raise RefusalError(Reason.UNKNOWN_ORDER)
        order = self.core.lookup(
            order_id if order_id >= 0 else None, params.get("origClientOrderId"), instrument.symbol
        )
        age = self.core.now_ms() - order.updated_ms
        if age > 90 * DAY_MS or (age > 3 * DAY_MS and order.status in ("canceled", "expired") and not order.filled):
            raise RefusalError(Reason.UNKNOWN_ORDER)
        return order

    def query(self, call: Call) -> dict[str, Any]:
        try:
            order = self._find(call, call.params())
        except RefusalError as refusal:
            raise refused(refusal) from refusal
        return views.order(order, self.core.instrument(order.symbol))

    def query_open(self, call: Call) -> dict[str, Any]:
        row = self.query(call)
        if row["status"] not in ("NEW", "PARTIALLY_FILLED"):
            raise refused(RefusalError(Reason.UNKNOWN_ORDER))
        return row

    def _symbol(self, call: Call, required: bool) -> str | None:
        text = call.params().get("symbol")
        if text:
            return instrument_of(self.core, text).symbol
        if required:
            raise missing("symbol")
        return None

    def open_orders(self, call: Call) -> list[dict[str, Any]]:
        symbol = self._symbol(call, required=False)
        if call.not_found:
            return []
        return [views.order(order, self.core.instrument(order.symbol)) for order in self.core.open_orders(symbol)]

    def all_orders(self, call: Call) -> list[dict[str, Any]]:
        params, symbol = call.params(), self._symbol(call, required=True)
        first, since, until = (
            integer(params, "orderId", 0),
            integer(params, "startTime", 0),
            integer(params, "endTime", 2**62),
        )
        chosen = [
            one
            for one in self.core.account.orders.values()
            if one.symbol == symbol
            and one.id >= first
            and since <= one.created_ms <= until
            and one.visible_from_ms <= self.core.now_ms()
        ]
        return [
            views.order(one, self.core.instrument(one.symbol))
            for one in chosen[-min(1000, integer(params, "limit", 500)) :]
        ]

    def user_trades(self, call: Call) -> list[dict[str, Any]]:
        params, symbol = call.params(), self._symbol(call, required=False)
        order_id, first = integer(params, "orderId", -1), integer(params, "fromId", 0)
        since, until = integer(params, "startTime", 0), integer(params, "endTime", 2**62)
        chosen = [
            one
            for one in self.core.visible_fills(symbol)
            if since <= one.at_ms <= until and one.id >= first and order_id in (-1, one.order_id)
        ]
        limit = min(1000, integer(params, "limit", 500))
        chosen = chosen[:limit] if first or since else chosen[-limit:]
        return [views.trade(one, self.core.instrument(one.symbol)) for one in chosen]

    def cancel(self, call: Call) -> dict[str, Any]:
        return self._cancel(call, call.params())

    def _cancel(self, call: Call, params: dict[str, str]) -> dict[str, Any]:
        try:
            order = self.core.cancel(self._find(call, params))
        except RefusalError as refusal:
            raise refused(refusal, canceling=True) from refusal
        return views.order(order, self.core.instrument(order.symbol))

    def cancel_batch(self, call: Call) -> list[dict[str, Any]]:
        params = call.params()
        names = (
            ("orderIdList", "orderId") if "orderIdList" in params else ("origClientOrderIdList", "origClientOrderId")
        )
        try:
            ids = orjson.loads(params.get(names[0], ""))
        except orjson.JSONDecodeError as error:
            raise illegal(names[0]) from error
        symbol = params.get("symbol", "")
        return [self._one_of_batch(partial(self._cancel, call, {"symbol": symbol, names[1]: str(one)})) for one in ids]

    def cancel_all(self, call: Call) -> dict[str, Any]:
        self.core.cancel_all(self._symbol(call, required=True))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def countdown(self, call: Call) -> dict[str, Any]:
        symbol, milliseconds = self._symbol(call, required=True), integer(call.params(), "countdownTime", -1)
        if milliseconds < 0:
            raise missing("countdownTime")
        self.core.set_cancel_timer(str(symbol), milliseconds)
        return {"symbol": call.params()["symbol"], "countdownTime": str(milliseconds)}


def raw_order(core: Exchange, params: dict[str, str]) -> NewOrder:
    """An order as far as it can be read, for the record of what arrived."""
    book = core.market.find(core.venue, params.get("symbol", ""))
    return NewOrder(
        symbol=book.instrument.symbol if book else params.get("symbol", ""),
        side=params.get("side", "").lower(),
        kind=params.get("type", "").lower(),
        time_in_force=params.get("timeInForce", ""),
        venue_type=params.get("type", ""),
        quantity=decimal_or_none(params.get("quantity")) or Decimal(0),
        price=decimal_or_none(params.get("price")),
        client_id=params.get("newClientOrderId", ""),
        reduce_only=params.get("reduceOnly") == "true",
    )
