"""Binance USD-M over HTTP: routing, signatures, rate-limit headers, error bodies."""

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl

from trading.simulator.binance.account import AccountEndpoints
from trading.simulator.binance.errors import missing, refused
from trading.simulator.binance.private import TradeEndpoints
from trading.simulator.binance.public import PublicEndpoints
from trading.simulator.binance.userstream import ListenKeys
from trading.simulator.exchange import Exchange
from trading.simulator.faults import Fault, Request
from trading.simulator.orders import Reason, RefusalError
from trading.simulator.weights import WeightWindow
from trading.simulator.wire import Call, Credentials, Reply, VenueError, described

DEFAULT_WINDOW_MS = 5000
LARGEST_WINDOW_MS = 60_000
PREFIXES = ("/fapi/", "/sapi/", "/api/v3/")


class BinanceProtocol:
    def __init__(self, core: Exchange, credentials: Credentials, weights: WeightWindow) -> None:
        self.core, self.credentials, self.weights = core, credentials, weights
        self.keys = ListenKeys()
        self.trade = TradeEndpoints(core)
        self.routes = {**PublicEndpoints(core).routes(), **self.trade.routes(), **AccountEndpoints(core).routes()}

    @staticmethod
    def serves(path: str) -> bool:
        return path.startswith(PREFIXES)

    def describe(self, call: Call) -> Request:
        """For the match of faults; a request that cannot be read places no order."""
        try:
            return described(call, self.trade.orders_in(call))
        except VenueError:
            return described(call, [])

    def answer(self, call: Call) -> Reply:
        """Whatever comes, an answer in the venue's own form."""
        used = self.weights.used(self.core.now_ms())
        try:
            body = self._routed(call)
            reply = Reply(body)
        except VenueError as error:
            reply = self.error(error)
        except RefusalError as refusal:
            reply = self.error(refused(refusal))
        reply.headers["X-MBX-USED-WEIGHT-1M"] = str(used)
        return reply

    def _routed(self, call: Call) -> Any:
        if call.path == "/fapi/v1/listenKey":
            self._check_key(call)
            return self.keys.answer(call.method, call.params().get("listenKey"), self.core.now_ms())
        route = self.routes.get((call.method, call.path))
        if route is None:
            raise VenueError(404, -5000, f"Path {call.path}, Method {call.method} is invalid")
        if not self.weights.spend(self.core.now_ms(), route.weight):
            raise VenueError(429, -1003, "Too many requests; current limit of IP is 2400 requests per minute.")
        if route.signed:
            self._authenticate(call)
        return route.handler(call)

    def _authenticate(self, call: Call) -> None:
        try:
            self._check_key(call)
            self._check_signature(call)
            self._check_time(call)
        except VenueError as error:
            for order in self.trade.orders_in(call):
                self.core.refuse_arrival(order, str(error.code))
            raise

    def _check_key(self, call: Call) -> None:
        key = call.headers.get("X-MBX-APIKEY", "")
        if not key:
            raise VenueError(401, -2014, "API-key format invalid.")
        if not hmac.compare_digest(key.encode(), self.credentials.key.encode()):
            raise VenueError(401, -2015, "Invalid API-key, IP, or permissions for action.")

    def _check_signature(self, call: Call) -> None:
        """HMAC-SHA256 over the raw query and body as sent, without the signature parameter itself."""
        signed, signature = unsigned_part(call)
        if not signature:
            raise missing("signature")
        expected = hmac.new(self.credentials.secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature.lower()):
            raise VenueError(400, -1022, "Signature for this request is not valid.")

    def _check_time(self, call: Call) -> None:
        params, now = call.params(), self.core.now_ms()
        stamp, window = params.get("timestamp", ""), params.get("recvWindow", str(DEFAULT_WINDOW_MS))
        if not stamp.isdigit():
            raise missing("timestamp")
        if not window.replace(".", "", 1).isdigit() or float(window) > LARGEST_WINDOW_MS:
            raise VenueError(400, -1131, "recvWindow must be less than 60000")
        if int(stamp) >= now + 1000:
            raise VenueError(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - int(stamp) > float(window):
            raise VenueError(400, -1021, "Timestamp for this request is outside of the recvWindow.")

    @staticmethod
    def error(error: VenueError) -> Reply:
        return Reply({"code": error.code, "msg": error.message}, error.status)

    def server_error(self, status: int, message: str | None) -> Reply:
        """A 5xx that says nothing about the order: the venue's documented text."""
        text = message or "Unknown error, please check your request or try again later."
        return self.error(VenueError(status, -1000, text))

    def venue_error(self, fault: Fault) -> Reply:
        code = fault.args["code"]
        number = int(code) if str(code).lstrip("-").isdigit() else str(code)
        return self.error(
            VenueError(int(fault.args.get("status", 400)), number, str(fault.args.get("message", "error")))
        )

    def rejection(self, call: Call, fault: Fault) -> Reply:
        """The order is refused with the venue's margin code, or with args.code."""
        for order in self.trade.orders_in(call):
            self.core.refuse_arrival(order, "fault reject")
        if "code" in fault.args:
            return self.venue_error(fault)
        return self.error(refused(RefusalError(Reason.MARGIN)))

    def overloaded(self) -> Reply:
        return self.error(VenueError(503, -1008, "Request throttled by system-level protection."))


def unsigned_part(call: Call) -> tuple[bytes, str]:
    """What the signature covers: query then body, each without its signature parameter."""
    signature, covered = "", []
    for part in (call.query, call.body.decode("utf-8", "replace")):
        head, found, tail = part.rpartition("signature=")
        if found and (not head or head.endswith("&")):
            signature = dict(parse_qsl("signature=" + tail)).get("signature", "")
            rest = tail.partition("&")[2]
            part = head.removesuffix("&") + (f"&{rest}" if rest and head else rest)
        covered.append(part)
    return "".join(covered).encode(), signature
