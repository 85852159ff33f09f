"""Virtual time: the engine, the simulator and the oracle share one clock that jumps over every wait.

Only waiting is virtual. Work takes the time it takes, on top of the jumps; requests travel over a real socket to a
simulator in a thread of this process, so that both sides see the same jump at the same instant.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from trading.venues.base import VenueClient
from trading.venues.limiter import TokenBucket

_offset = [0.0]
_on_jump: list[Callable[[], object]] = []
_real_sql: dict[str, str] = {}


def advance(seconds: float) -> None:
    _offset[0] += max(0.0, seconds)
    _sending_sql()
    for told in _on_jump:
        told()


def offset() -> float:
    return _offset[0]


def now_ms() -> int:
    return int((time.time() + _offset[0]) * 1000)


class VirtualDatetime(datetime):
    """``now`` with the jumps added; everything else as it was."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=_offset[0])


async def _sleep(seconds: float) -> None:
    advance(seconds)
    await asyncio.sleep(0)


def monotonic() -> float:
    return time.monotonic() + _offset[0]


def _shim() -> SimpleNamespace:
    clock = SimpleNamespace(time=monotonic)
    return SimpleNamespace(sleep=_sleep, gather=asyncio.gather, get_running_loop=lambda: clock)


def _sending_sql() -> None:
    from trading.services import transitions

    moved = f"(clock_timestamp() + {_offset[0]:.6f} * interval '1 second')"
    for name in ("SENDING_SQL", "INSERTED_SENDING_SQL"):
        real: str = _real_sql.setdefault(name, getattr(transitions, name))
        setattr(transitions, name, real.replace("clock_timestamp()", moved))


def _sign_with(clock: Callable[[], int]) -> None:
    """ccxt signs with the class that the exchanges really descend from: its package loads that module twice."""
    from trading.venues.wire import exchange_class

    for name in ("binanceusdm", "okx"):
        for owner in exchange_class(name, streaming=False).__mro__:
            if "milliseconds" in vars(owner):
                owner.milliseconds = staticmethod(clock)


def install() -> None:
    """Put the virtual clock under every module that waits or asks for the time on the way of an order."""

    from propbot import clock
    from tests.engine import oracle
    from trading.services import resolving, resting
    from trading.venues import dialect

    for module in (clock, dialect, oracle):
        module.datetime = VirtualDatetime  # type: ignore[attr-defined]
    for module in (resolving, resting):
        module.asyncio = _shim()  # type: ignore[attr-defined]
    _sign_with(now_ms)
    _sending_sql()


def limiters_install(clients: Iterable[VenueClient]) -> None:
    """PropBot's own limiters wait, and count, by the virtual clock: they let pass what they would in real time."""
    for client in clients:
        for bucket in vars(client).values():
            if isinstance(bucket, TokenBucket):
                bucket._clock, bucket._sleep = monotonic, _sleep
                bucket._counted_at = monotonic()


@dataclass
class Answering:
    """A simulator in a thread of this process. Venue calls travel over a socket, the harness' own do not."""

    folder: Path
    symbols: tuple[str, ...]
    url: str = ""

    def __post_init__(self) -> None:
        from trading.simulator import gateway
        from trading.simulator.build import Options, build

        gateway.asyncio = _shim()  # type: ignore[attr-defined]
        options = Options(self.folder, fresh=True, symbols=list(self.symbols), dislocate_every=0)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, args=(build, options), daemon=True, name="venues")
        self._thread.start()
        if not self._ready.wait(30):
            raise RuntimeError("the simulator did not start")

    def _serve(self, build: Any, options: Any) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run(build(options)))

    async def _run(self, simulator: Any) -> None:
        self.simulator = simulator
        simulator.market.clock.now_ms = now_ms
        runner = web.AppRunner(simulator.application(), access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        _on_jump.append(lambda: self._loop.call_soon_threadsafe(self._tick))
        await self._stop.wait()
        await runner.cleanup()

    def _tick(self) -> None:
        """The market's heartbeat at each jump: it would have beaten many times in so long."""
        self.simulator.market.tick()
        for venue in self.simulator.venues.values():
            venue.core.tick()
            venue.core.settle()

    def control(self, path: str, method: str, body: object) -> Any:
        """The control side without its socket, in the simulator's own thread."""
        answer = self.simulator.control
        acts: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "/control/orders"): answer.orders,
            ("GET", "/control/positions"): answer.positions,
            ("GET", "/control/balances"): answer.balances,
            ("DELETE", "/control/faults"): answer.clear_faults,
            ("DELETE", "/control/dislocate"): answer.end_dislocations,
            ("POST", "/control/faults"): answer.post_fault,
            ("POST", "/control/trade"): answer.trade,
        }
        act = acts[method, path]

        async def acted() -> Any:
            return act(body)

        return asyncio.run_coroutine_threadsafe(acted(), self._loop).result(10)

    def forget(self) -> None:
        """Drop the list of arrivals: each episode looks at its own."""

        async def clear() -> None:
            for venue in self.simulator.venues.values():
                venue.core.arrivals.clear()

        asyncio.run_coroutine_threadsafe(clear(), self._loop).result(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
