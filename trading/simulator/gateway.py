"""HTTP requests on their way to a venue: the faults that spoil them, and the commit before the answer."""

import asyncio
from decimal import Decimal

from aiohttp import web

from trading.simulator.distort import with_bad_number
from trading.simulator.faults import Fault, FaultBoard
from trading.simulator.venue import Venue
from trading.simulator.wire import Call, Reply

HTML = b"<!DOCTYPE html><html><head><title>Attention Required!</title></head><body><h1>Please wait</h1></body></html>"
UNANSWERED = ("drop_before", "apply_then_drop")
SPOILING = ("apply_then_5xx", "http_status", "venue_error", "html", "empty")


class Gateway:
    def __init__(self, venue: Venue, faults: FaultBoard, latency_ms: float) -> None:
        self.venue, self.faults, self.latency_ms = venue, faults, latency_ms

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request; the path and query stay raw because signatures cover the bytes as sent."""
        path, _, query = request.raw_path.partition("?")
        call = Call(request.method, path, query, await request.read(), request.headers)
        firing = self._firing(call)
        await self._delay(firing)
        if any(one.kind == "drop_before" for one in firing):
            return self._drop(request)
        reply = self._reply(call, firing)
        if any(one.kind in UNANSWERED for one in firing):
            return self._drop(request)
        return web.Response(
            body=reply.payload(), status=reply.status, headers=reply.headers, content_type=reply.content_type
        )

    def _firing(self, call: Call) -> list[Fault]:
        if not self.faults.faults:
            return []
        now = self.venue.core.market.clock.now_ms()
        return self.faults.firing(self.venue.key, self.venue.protocol.describe(call), now)

    async def _delay(self, firing: list[Fault]) -> None:
        added = sum(
            float(one.args.get("ms", float(one.args.get("seconds", 0)) * 1000))
            for one in firing
            if one.kind == "latency"
        )
        if self.latency_ms + added:
            await asyncio.sleep((self.latency_ms + added) / 1000)

    @staticmethod
    def _drop(request: web.Request) -> web.StreamResponse:
        """Closes the connection without a byte of answer."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _reply(self, call: Call, firing: list[Fault]) -> Reply:
        spoiled = next((one for one in firing if one.kind in SPOILING), None)
        if spoiled is not None and not spoiled.applied:
            return self._spoil(Reply({}), spoiled)
        refused = next((one for one in firing if one.kind == "reject"), None)
        for fault in firing:
            self._adjust(call, fault)
        if refused is not None:
            reply = self.venue.protocol.rejection(call, refused)
        elif (
            any(one.kind == "maintenance" and one.args.get("refuse") for one in firing)
            and "system/status" not in call.path
        ):
            reply = self.venue.protocol.overloaded()
        else:
            reply = self.venue.protocol.answer(call)
        self.venue.core.settle()
        for fault in firing:
            if fault.kind == "bad_number":
                reply.body = with_bad_number(
                    reply.payload(), str(fault.args.get("value", "NaN")), fault.args.get("field")
                )
        return reply if spoiled is None else self._spoil(reply, spoiled)

    @staticmethod
    def _adjust(call: Call, fault: Fault) -> None:
        """Faults that change what the venue does with a request."""
        if fault.kind == "partial":
            call.fraction = Decimal(str(fault.args.get("fraction", Decimal(str(fault.args.get("percent", 50))) / 100)))
        elif fault.kind == "query_lag" and call.method == "GET":
            call.not_found = True
        elif fault.kind == "query_lag":
            call.hidden_ms = int(float(fault.args.get("seconds", 5)) * 1000)
        elif fault.kind == "maintenance":
            call.maintenance = True

    def _spoil(self, reply: Reply, fault: Fault) -> Reply:
        """The answer as the client gets it, whatever the venue meant to say."""
        status = fault.args.get("status")
        message = fault.args.get("message")
        if fault.kind == "venue_error":
            return self.venue.protocol.venue_error(fault)
        if fault.kind == "apply_then_5xx":
            return self.venue.protocol.server_error(int(status or 503), message)
        if fault.kind == "html":
            return Reply(HTML, int(status or 200), content_type="text/html")
        if fault.kind == "empty":
            return Reply(b"", int(status or 200))
        return Reply(
            str(fault.args.get("body", "")).encode(), int(status or 500), dict(fault.args.get("headers") or {})
        )
