"""The handle through which services reach the venues: one event loop in a thread, clients alive, the epoch.

Services run in the worker's task threads and touch the database there; the network is awaited on the loop. Nothing
of this module knows Django's models, so that services may import it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import uvloop
from django.db import connections

from propbot.errors import RefusedError
from trading.venues.base import VenueClient

T = TypeVar("T")


def _nobody(_venue: str, _client_order_id: str) -> None:
    """Nothing listens to the accounts' streams here."""


CALL_TIMEOUT_SECONDS = 60.0
EXECUTOR_THREADS = 4
GIVE_WAY_SECONDS = 0.25


class TraderRuntime:
    """What one trading process holds. ``epoch`` 0 means standby: the journal refuses every order of it."""

    def __init__(self, *, clients: Mapping[str, VenueClient], paper: Mapping[str, VenueClient]) -> None:
        self.clients: dict[str, VenueClient] = dict(clients)
        self.paper: dict[str, VenueClient] = dict(paper)
        self.epoch = 0
        self.draining = False
        self.recovered = False
        # Venue -> why nothing may open there (preflight); a venue that was not looked at yet stands in here, too.
        self.problems: dict[str, tuple[str, ...]] = {}
        self.leverage: dict[tuple[str, str], Any] = {}
        # Told of every order that an answer has proved: the account's own stream is to tell it, too.
        self.proved: Callable[[str, str], None] = _nobody
        self._hedge_locks: dict[UUID, threading.Lock] = {}
        self._guard = threading.Lock()
        self._hurrying = 0
        self._calm = threading.Event()
        self._calm.set()
        self._loop = uvloop.new_event_loop()
        self._executor = ThreadPoolExecutor(EXECUTOR_THREADS, thread_name_prefix="venue-db")
        self._loop.set_default_executor(self._executor)
        self._thread = threading.Thread(target=self._serve, name="venue-loop", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    @property
    def standby(self) -> bool:
        return self.epoch == 0

    @property
    def busy(self) -> bool:
        """Whether some thread works on a hedge right now."""
        with self._guard:
            return any(lock.locked() for lock in self._hedge_locks.values())

    @contextmanager
    def hurry(self) -> Iterator[None]:
        """An entry is on its way: whoever only watches gives way, for one thread of a process computes at a time."""
        with self._guard:
            self._hurrying += 1
            self._calm.clear()
        try:
            yield
        finally:
            with self._guard:
                self._hurrying -= 1
                if not self._hurrying:
                    self._calm.set()

    def give_way(self) -> None:
        """Before work that may wait: until no entry is on its way, but never long."""
        self._calm.wait(GIVE_WAY_SECONDS)

    def client(self, venue: str, *, simulated: bool) -> VenueClient:
        """The real client, or PropBot's own broker for a simulated hedge (law 10)."""
        clients = self.paper if simulated else self.clients
        if venue not in clients:
            raise RefusedError("venue_unavailable", f"no client of {venue} is ready", status=503)
        return clients[venue]

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float = CALL_TIMEOUT_SECONDS) -> T:
        """Await ``coroutine`` on the venue loop from a task thread; RefusedError when the loop does not answer."""
        return self.finish(asyncio.run_coroutine_threadsafe(coroutine, self._loop), timeout)

    def gather(self, *coroutines: Coroutine[Any, Any, T], timeout: float = CALL_TIMEOUT_SECONDS) -> list[T]:
        """All at once; the first failure is raised after all have ended."""
        return self.finish(self.begin(*coroutines), timeout)

    def begin(self, *coroutines: Coroutine[Any, Any, T]) -> "Future[list[T]]":
        """The same, not waited for: the calling thread goes on, and asks ``finish`` later."""

        async def together() -> list[T]:
            results = await asyncio.gather(*coroutines, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            return [result for result in results if not isinstance(result, BaseException)]

        return asyncio.run_coroutine_threadsafe(together(), self._loop)

    def finish(self, future: "Future[T]", timeout: float = CALL_TIMEOUT_SECONDS) -> T:
        """What was begun; RefusedError when the loop does not answer."""
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            if future.done():
                raise
            future.cancel()
            raise RefusedError("venue_unavailable", "the venue loop did not answer in time", status=503) from None

    @contextmanager
    def hedge_lock(self, hedge_id: UUID, *, timeout: float = 0) -> Iterator[bool]:
        """True when this thread alone works on the hedge. One process trades (law 7), so a thread lock is enough;
        rows still move by compare-and-swap and under the epoch."""
        with self._guard:
            lock = self._hedge_locks.setdefault(hedge_id, threading.Lock())
        taken = lock.acquire(timeout=timeout) if timeout else lock.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                lock.release()

    def close(self) -> None:
        """Close every client and end the loop."""

        async def goodbye() -> None:
            clients = [*self.clients.values(), *self.paper.values()]
            await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)

        self.run(goodbye(), timeout=10)
        self._close_connections()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def _close_connections(self) -> None:
        """Each helper thread of the loop closes its own database connection; the barrier makes every one do it."""
        barrier = threading.Barrier(EXECUTOR_THREADS)

        def goodbye() -> None:
            barrier.wait(timeout=5)
            connections.close_all()

        for done in [self._executor.submit(goodbye) for _ in range(EXECUTOR_THREADS)]:
            done.result(timeout=10)
        self._executor.shutdown()


_installed: list[TraderRuntime] = []


def install(runtime: TraderRuntime | None) -> None:
    """Make it this process' trader; None takes it away."""
    _installed[:] = [] if runtime is None else [runtime]


def installed() -> TraderRuntime | None:
    return _installed[0] if _installed else None


def trader() -> TraderRuntime:
    """This process' trader; refuses in every other process: exchange keys live here alone (law 11)."""
    runtime = installed()
    if runtime is None:
        raise RefusedError("venue_unavailable", "this process is not the trader", status=503)
    return runtime
