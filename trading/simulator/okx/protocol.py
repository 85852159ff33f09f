"""OKX over HTTP: routing, signatures, expiry, the envelope."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from trading.simulator.exchange import Exchange
from trading.simulator.faults import Fault, Request
from trading.simulator.okx.account import AccountEndpoints
from trading.simulator.okx.errors import code_of, refused
from trading.simulator.okx.private import Acknowledged, TradeEndpoints
from trading.simulator.okx.public import PublicEndpoints
from trading.simulator.orders import Reason, RefusalError
from trading.simulator.wire import Call, Credentials, Reply, VenueError, described

WINDOW_MS = 30_000
EXPIRING = (
    "/api/v5/trade/order",
    "/api/v5/trade/batch-orders",
    "/api/v5/trade/amend-order",
    "/api/v5/trade/amend-batch-orders",
)


def signature(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


class OkxProtocol:
    def __init__(self, core: Exchange, credentials: Credentials) -> None:
        self.core, self.credentials = core, credentials
        self.trade = TradeEndpoints(core)
        self.routes = {**PublicEndpoints(core).routes(), **self.trade.routes(), **AccountEndpoints(core).routes()}

    @staticmethod
    def serves(path: str) -> bool:
        return path.startswith("/api/v5/")

    def describe(self, call: Call) -> Request:
        """For the match of faults; a request that cannot be read places no order."""
        try:
            return described(call, self.trade.orders_in(call))
        except VenueError:
            return described(call, [])

    def answer(self, call: Call) -> Reply:
        """Whatever comes, an answer in the venue's own envelope."""
        arrived_us = self.core.now_ms() * 1000
        try:
            data = self._routed(call)
        except VenueError as error:
            return self.error(error)
        except RefusalError as refusal:
            return self.error(refused(refusal))
        if not isinstance(data, Acknowledged):
            return Reply({"code": "0", "msg": "", "data": data})
        code, text = envelope(data)
        return Reply(
            {
                "code": code,
                "data": data,
                "inTime": str(arrived_us),
                "msg": text,
                "outTime": str(self.core.now_ms() * 1000 + 500),
            }
        )

    def _routed(self, call: Call) -> Any:
        route = self.routes.get((call.method, call.path))
        if route is None:
            raise VenueError(404, "404", "Not Found")
        if route.signed:
            try:
                self._authenticate(call)
            except VenueError as error:
                self._list_refused(call, str(error.code))
                raise
        return route.handler(call)

    def _list_refused(self, call: Call, why: str) -> None:
        for order in self.trade.orders_in(call):
            self.core.refuse_arrival(order, why)

    def _authenticate(self, call: Call) -> None:
        names = (
            ("OK-ACCESS-KEY", "50103"),
            ("OK-ACCESS-PASSPHRASE", "50104"),
            ("OK-ACCESS-SIGN", "50106"),
            ("OK-ACCESS-TIMESTAMP", "50107"),
        )
        for name, code in names:
            if not call.headers.get(name):
                raise VenueError(401, code, f"Request header {name} can't be empty.")
        if not same(call.headers["OK-ACCESS-KEY"], self.credentials.key):
            raise VenueError(401, "50111", "Invalid OK-ACCESS-KEY")
        self._check_time(call.headers["OK-ACCESS-TIMESTAMP"])
        if not same(call.headers["OK-ACCESS-PASSPHRASE"], self.credentials.passphrase):
            raise VenueError(401, "50105", "Request header OK-ACCESS-PASSPHRASE incorrect.")
        covered = call.headers["OK-ACCESS-TIMESTAMP"] + call.method + call.target + call.body.decode("utf-8", "replace")
        if not same(call.headers["OK-ACCESS-SIGN"], signature(self.credentials.secret, covered)):
            raise VenueError(401, "50113", "Invalid Sign")
        self._check_expiry(call)

    def _check_time(self, text: str) -> None:
        try:
            stamp = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise VenueError(401, "50112", "Invalid OK-ACCESS-TIMESTAMP") from error
        if abs(self.core.now_ms() - stamp.timestamp() * 1000) > WINDOW_MS:
            raise VenueError(401, "50102", "Timestamp request expired")

    def _check_expiry(self, call: Call) -> None:
        """Header expTime: an order that arrives later is not processed."""
        text = call.headers.get("expTime", "")
        if (
            text
            and call.method == "POST"
            and call.path in EXPIRING
            and (not text.isdigit() or int(text) < self.core.now_ms())
        ):
            raise VenueError(
                200,
                "50036",
                "The expTime can't be earlier than the current system time. Please adjust the expTime and try again.",
            )

    @staticmethod
    def error(error: VenueError) -> Reply:
        return Reply({"code": str(error.code), "msg": error.message, "data": []}, error.status)

    def server_error(self, status: int, message: str | None) -> Reply:
        text = (
            message
            or "Endpoint request timeout (does not mean that the request was successful or failed, please check the request result)."
        )
        return self.error(VenueError(status, "50004", text))

    def venue_error(self, fault: Fault) -> Reply:
        """The code as the envelope's, or with args.item as the sCode of one item."""
        code, text = str(fault.args["code"]), str(fault.args.get("message", "error"))
        if fault.args.get("item"):
            row = {"clOrdId": "", "ordId": "", "tag": "", "ts": str(self.core.now_ms()), "sCode": code, "sMsg": text}
            return Reply({"code": "1", "data": [row], "msg": "All operations failed"})
        return self.error(VenueError(int(fault.args.get("status", 200)), code, text))

    def rejection(self, call: Call, fault: Fault) -> Reply:
        """Every order of the request is refused with the venue's margin code, or with args.code."""
        code, text = code_of(RefusalError(Reason.MARGIN))
        code, text = str(fault.args.get("code", code)), str(fault.args.get("message", text))
        rows = []
        for order in self.trade.orders_in(call):
            self.core.refuse_arrival(order, "fault reject")
            rows.append(
                {
                    "clOrdId": order.client_id,
                    "ordId": "",
                    "tag": "",
                    "ts": str(self.core.now_ms()),
                    "sCode": code,
                    "sMsg": text,
                }
            )
        return Reply({"code": "1", "data": rows, "msg": "All operations failed"})

    def overloaded(self) -> Reply:
        return self.error(VenueError(503, "50001", "Service temporarily unavailable. Please try again later"))


def envelope(items: Acknowledged) -> tuple[str, str]:
    failed = sum(item["sCode"] != "0" for item in items)
    if not failed:
        return "0", ""
    return ("1", "All operations failed") if failed == len(items) else ("2", "Bulk operation partially succeeded.")


def same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
