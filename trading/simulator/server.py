"""The simulator as one aiohttp application: both venues' REST and WebSocket protocols and the control side."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from aiohttp import web

from trading.simulator.control import Control
from trading.simulator.faults import FaultBoard
from trading.simulator.gateway import Gateway
from trading.simulator.market import Market
from trading.simulator.store import Store
from trading.simulator.venue import Venue

logger = logging.getLogger(__name__)
TICK_SECONDS = 0.1


class Simulator:
    def __init__(
        self, venues: dict[str, Venue], market: Market, store: Store, faults: FaultBoard, seed: int, latency_ms: float
    ) -> None:
        self.venues, self.market, self.store = venues, market, store
        self.control = Control(venues, market, faults, seed)
        self.gateways = [(venue, Gateway(venue, faults, latency_ms)) for venue in venues.values()]

    def application(self) -> web.Application:
        application = web.Application(client_max_size=1 << 20)
        application.add_routes(self.control.routes())
        application.router.add_route("*", "/{path:.*}", self._dispatch)
        application.cleanup_ctx.append(self._clockwork)
        return application

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        for venue, gateway in self.gateways:
            if venue.streams.serves(request.path):
                return await venue.streams.handle(request)
            if venue.protocol.serves(request.path):
                return await gateway.handle(request)
        raise web.HTTPNotFound(text="no venue serves this path")

    async def _clockwork(self, application: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._ticks()), asyncio.create_task(self._seconds())]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for venue in self.venues.values():
            for connection in tuple(venue.hub.connections):
                await connection.close()
        self.store.close()

    async def _ticks(self) -> None:
        """The market's heartbeat: books, resting orders, timers, funding, liquidation."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._guarded(self.market.tick)
            for venue in self.venues.values():
                self._guarded(venue.core.tick)
                self._guarded(venue.core.settle)

    async def _seconds(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._guarded(self.control.expire)
            for venue in self.venues.values():
                await venue.hub.every_second()

    @staticmethod
    def _guarded(step: Callable[[], None]) -> None:
        """A defect in one step must not stop the venue's clock: it is logged and the next tick goes on."""
        try:
            step()
        except (ArithmeticError, LookupError, ValueError, TypeError, RuntimeError):
            logger.exception("a step of the simulator failed")
