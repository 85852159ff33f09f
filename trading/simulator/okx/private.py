"""OKX's signed trading endpoints. Sizes arrive in contracts and leave in contracts."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from trading.simulator.accounts import Order
from trading.simulator.exchange import Exchange
from trading.simulator.instruments import Instrument
from trading.simulator.okx import views
from trading.simulator.okx.errors import code_of, parameter, refused
from trading.simulator.okx.public import count
from trading.simulator.orders import NewOrder, Reason, RefusalError
from trading.simulator.wire import Call, Route, VenueError, decimal_or_none

CLIENT_ID = re.compile(r"^[A-Za-z0-9]{1,32}$")
UNFILLED_KEPT_MS = 2 * 3_600_000
KINDS = {  # ordType: kind, time in force
    "market": ("market", "IOC"),
    "optimal_limit_ioc": ("market", "IOC"),
    "limit": ("limit", "GTC"),
    "ioc": ("limit", "IOC"),
    "fok": ("limit", "FOK"),
    "post_only": ("limit", "GTX"),
}
BATCH = 20


class Acknowledged(list[dict[str, Any]]):
    """Per-item results: the envelope's code tells whether all, some or none succeeded."""


def json_body(call: Call) -> Any:
    try:
        return orjson.loads(call.body or b"{}")
    except orjson.JSONDecodeError as error:
        raise VenueError(400, "50002", "JSON syntax error") from error


def instrument_of(core: Exchange, inst_id: str) -> Instrument:
    try:
        return core.instrument(inst_id)
    except RefusalError as refusal:
        raise refused(refusal) from refusal


def item_error(name: str) -> VenueError:
    """An item's parameter error: sCode 51000."""
    return VenueError(200, "51000", f"Parameter {name} error")


def parsed_order(core: Exchange, row: dict[str, Any]) -> NewOrder:
    """The order that an item asks for, in base units; checked for form only."""
    instrument = instrument_of(core, str(row.get("instId", "")))
    side, kind = row.get("side"), KINDS.get(str(row.get("ordType")))
    for name, valid in (
        ("side", side in ("buy", "sell")),
        ("ordType", kind is not None),
        ("tdMode", row.get("tdMode") == "cross"),
    ):
        if not valid:
            raise item_error(name)
    size = decimal_or_none(row.get("sz"))
    if size is None or size <= 0:
        raise item_error("sz")
    assert kind is not None  # noqa: S101 - checked above; tells the type checker
    return NewOrder(
        symbol=instrument.symbol,
        side=str(side),
        kind=kind[0],
        time_in_force=kind[1],
        venue_type=str(row["ordType"]),
        quantity=instrument.to_base(size),
        price=price_of(row, kind[0]),
        client_id=client_id(row),
        reduce_only=str(row.get("reduceOnly", "false")).lower() == "true",
    )


def price_of(row: dict[str, Any], kind: str) -> Decimal | None:
    if kind == "market":
        return None
    price = decimal_or_none(row.get("px"))
    if price is None or price <= 0:
        raise item_error("px")
    return price


def client_id(row: dict[str, Any]) -> str:
    text = row.get("clOrdId")
    if text in (None, ""):
        return ""
    if not isinstance(text, str) or not CLIENT_ID.match(text):
        raise VenueError(200, *code_of(RefusalError(Reason.CLIENT_ID)))
    return text


def raw_order(core: Exchange, row: dict[str, Any]) -> NewOrder:
    """An order as far as it can be read, for the record of what arrived."""
    book = core.market.find(core.venue, str(row.get("instId", "")))
    size = decimal_or_none(row.get("sz")) or Decimal(0)
    return NewOrder(
        symbol=book.instrument.symbol if book else str(row.get("instId", "")),
        side=str(row.get("side", "")),
        kind=str(row.get("ordType", "")),
        time_in_force="",
        venue_type=str(row.get("ordType", "")),
        quantity=book.instrument.to_base(size) if book else size,
        price=decimal_or_none(row.get("px")),
        client_id=str(row.get("clOrdId", "")),
        reduce_only=str(row.get("reduceOnly")).lower() == "true",
    )


class TradeEndpoints:
    """Orders and fills."""

    def __init__(self, core: Exchange) -> None:
        self.core = core

    def routes(self) -> dict[tuple[str, str], Route]:
        def signed(handler: Any) -> Route:
            return Route(handler, signed=True)

        return {
            ("POST", "/api/v5/trade/order"): signed(self.place),
            ("POST", "/api/v5/trade/batch-orders"): signed(self.place),
            ("GET", "/api/v5/trade/order"): signed(self.query),
            ("GET", "/api/v5/trade/orders-pending"): signed(self.pending),
            ("GET", "/api/v5/trade/orders-history"): signed(self.history),
            ("GET", "/api/v5/trade/orders-history-archive"): signed(self.history),
            ("GET", "/api/v5/trade/fills"): signed(self.fills),
            ("GET", "/api/v5/trade/fills-history"): signed(self.fills),
            ("POST", "/api/v5/trade/cancel-order"): signed(self.cancel),
            ("POST", "/api/v5/trade/cancel-batch-orders"): signed(self.cancel),
            ("POST", "/api/v5/trade/cancel-all-after"): signed(self.cancel_all_after),
            ("POST", "/api/v5/trade/close-position"): signed(self.close_position),
        }

    def _items(self, call: Call) -> list[dict[str, Any]]:
        body = json_body(call)
        rows = body if isinstance(body, list) else [body]
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise VenueError(400, "50002", "JSON syntax error")
        if len(rows) > BATCH:
            raise VenueError(200, "51008", "Order count exceeds the limit of 20.")
        return rows

    def orders_in(self, call: Call) -> list[NewOrder]:
        """The orders that a request carries, as far as they can be read."""
        if call.method != "POST" or call.path not in ("/api/v5/trade/order", "/api/v5/trade/batch-orders"):
            return []
        return [raw_order(self.core, row) for row in self._items(call)]

    def _acknowledge(
        self, row: dict[str, Any], action: Callable[[], Order], done: str, canceling: bool = False
    ) -> dict[str, Any]:
        """One item's result; whatever is refused is told in its sCode."""
        answer = {"clOrdId": str(row.get("clOrdId", "")), "ordId": "", "tag": "", "ts": str(self.core.now_ms())}
        try:
            order = action()
        except RefusalError as refusal:
            code, text = code_of(refusal, canceling)
        except VenueError as error:
            code, text = str(error.code), error.message
        else:
            return {**answer, "clOrdId": order.client_id, "ordId": str(order.id), "sCode": "0", "sMsg": done}
        return {**answer, "ordId": str(row.get("ordId", "")), "sCode": code, "sMsg": text}

    def place(self, call: Call) -> Acknowledged:
        return Acknowledged(
            self._acknowledge(row, partial(self._place, call, row), "Order placed") for row in self._items(call)
        )

    def _place(self, call: Call, row: dict[str, Any]) -> Order:
        try:
            new = parsed_order(self.core, row)
        except VenueError as error:
            self.core.refuse_arrival(raw_order(self.core, row), str(error.code))
            raise
        if self.core.account.settings.hedge_mode or row.get("posSide", "net") not in ("net", ""):
            self.core.refuse_arrival(new, "51000")
            raise RefusalError(Reason.POSITION_SIDE)
        new.fraction = call.fraction
        order = self.core.submit(new)
        if call.hidden_ms:
            order.visible_from_ms = self.core.market.clock.now_ms() + call.hidden_ms
        return order

    def _find(self, row: dict[str, Any]) -> Order:
        instrument = instrument_of(self.core, str(row.get("instId", "")))
        order_id, own_id = str(row.get("ordId") or ""), str(row.get("clOrdId") or "")
        if not order_id and not own_id:
            raise parameter("ordId")
        if order_id and not order_id.isdigit():
            raise RefusalError(Reason.UNKNOWN_ORDER)
        return self.core.lookup(int(order_id) if order_id else None, own_id, instrument.symbol)

    def query(self, call: Call) -> list[dict[str, Any]]:
        try:
            order = self._find(call.params())
        except RefusalError as refusal:
            raise refused(refusal) from refusal
        forgotten = (
            order.status == "canceled" and not order.filled and self.core.now_ms() - order.updated_ms > UNFILLED_KEPT_MS
        )
        if call.not_found or forgotten:
            raise refused(RefusalError(Reason.UNKNOWN_ORDER))
        return [self._row(order)]

    def _row(self, order: Order) -> dict[str, Any]:
        return views.order(order, self.core.instrument(order.symbol))

    def _symbol(self, call: Call) -> str | None:
        inst_id = call.params().get("instId")
        return instrument_of(self.core, inst_id).symbol if inst_id else None

    def pending(self, call: Call) -> list[dict[str, Any]]:
        orders = [] if call.not_found else self.core.open_orders(self._symbol(call))
        return page(call, [self._row(order) for order in reversed(orders)], "ordId", "cTime")

    def history(self, call: Call) -> list[dict[str, Any]]:
        """Ended orders, newest first; unfilled canceled ones for two hours only."""
        now, rows = self.core.now_ms(), []
        for order in self.core.recent_orders(self._symbol(call), 10_000):
            forgotten = order.status == "canceled" and not order.filled and now - order.updated_ms > UNFILLED_KEPT_MS
            if not order.is_open and not forgotten and order.visible_from_ms <= now:
                rows.append(self._row(order))
        return page(call, rows, "ordId", "cTime")

    def fills(self, call: Call) -> list[dict[str, Any]]:
        wanted = call.params().get("ordId")
        chosen = [
            one
            for one in reversed(self.core.visible_fills(self._symbol(call)))
            if wanted in (None, "", str(one.order_id))
        ]
        return page(call, [views.fill_row(one, self.core.instrument(one.symbol)) for one in chosen], "billId", "ts")

    def cancel(self, call: Call) -> Acknowledged:
        return Acknowledged(
            self._acknowledge(row, partial(self._cancel, row), "", canceling=True) for row in self._items(call)
        )

    def _cancel(self, row: dict[str, Any]) -> Order:
        return self.core.cancel(self._find(row))

    def cancel_all_after(self, call: Call) -> list[dict[str, str]]:
        text = str(json_body(call).get("timeOut", ""))
        if not text.isdigit() or (text != "0" and not 10 <= int(text) <= 120):
            raise parameter("timeOut")
        due = self.core.set_cancel_timer("*", int(text) * 1000)
        return [{"triggerTime": str(due), "tag": "", "ts": str(self.core.now_ms())}]

    def close_position(self, call: Call) -> list[dict[str, Any]]:
        body = json_body(call)
        instrument = instrument_of(self.core, str(body.get("instId", "")))
        held = self.core.account.held(instrument.symbol)
        if not held:
            raise VenueError(200, "51023", "Position doesn't exist.")
        row = {"clOrdId": str(body.get("clOrdId", ""))}
        new = NewOrder(
            instrument.symbol,
            "sell" if held > 0 else "buy",
            "market",
            "IOC",
            "market",
            abs(held),
            None,
            row["clOrdId"],
            reduce_only=True,
        )
        self.core.submit(new)
        return [{"instId": instrument.venue_id, "posSide": "net", "clOrdId": row["clOrdId"], "tag": ""}]


def page(call: Call, rows: list[dict[str, Any]], key: str, time_key: str) -> list[dict[str, Any]]:
    """OKX's paging: `after` is older than, `before` newer than an id; begin and end bound the time."""
    params = call.params()
    after, before = params.get("after") or "", params.get("before") or ""
    begin, end = int(params.get("begin") or 0), int(params.get("end") or 2**62)
    chosen = [
        row
        for row in rows
        if (not after or int(row[key]) < int(after))
        and (not before or int(row[key]) > int(before))
        and begin <= int(row[time_key]) <= end
    ]
    return chosen[: count(call, "limit", 100, 100)]
