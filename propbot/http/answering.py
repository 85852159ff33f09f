"""What this process is answering, so that work which can wait lets it go first.

One thread computes at a time: what is built beside a request is built at the request's expense.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Condition

LOOK_SECONDS = 0.002


class Answering:
    def __init__(self) -> None:
        self._changed = Condition()
        self._count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Within the block, one request more is being answered."""
        self._move(1)
        try:
            yield
        finally:
            self._move(-1)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within the block, a request waits for what others do: they must not wait for it in turn."""
        self._move(-1)
        try:
            yield
        finally:
            self._move(1)

    def give_way(self, seconds: float) -> float:
        """Return when nothing is being answered, or after so many seconds; the seconds that it took."""
        began = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0, seconds)
        return time.monotonic() - began

    def _move(self, step: int) -> None:
        with self._changed:
            self._count += step
            if self._count <= 0:
                self._changed.notify_all()


class Stopping:
    """The requests that stop the desk, on the server's own loop: while one is answered, whoever reads waits a little.

    Bounded: a stop that waits for the database keeps nobody from seeing the desk.
    """

    patience_seconds = 0.25

    def __init__(self) -> None:
        self._count = 0
        self._waiting: set[asyncio.Future[None]] = set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Within the block, one stop more is being answered."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                for waiting in self._waiting:
                    if not waiting.done():
                        waiting.set_result(None)

    def over_in_thread(self) -> None:
        """The same for a thread that is not the server's: it looks, for nobody there can tell it."""
        until = time.monotonic() + self.patience_seconds
        while self._count and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)

    async def over(self) -> None:
        """Return when no stop is being answered, or when patience ends."""
        if not self._count:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await asyncio.wait([waiting], timeout=self.patience_seconds)
        finally:
            self._waiting.discard(waiting)


class Turns:
    """So many at a time, in the order of their coming. Of no loop in particular, as the module that holds it."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        if self._free > 0:
            self._free -= 1
        else:
            await self._called()
        try:
            yield
        finally:
            self._leave()

    async def _called(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._leave()  # it was called, and goes: its turn is another's
            raise

    def _leave(self) -> None:
        """Hand the turn over: nobody who comes just now gets in between."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self._free += 1


REQUESTS = Answering()
STOPS = Stopping()
