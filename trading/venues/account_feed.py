"""One account's own stream through ccxt.pro: what the venue tells of our orders without being asked.

It is a source beside REST, never instead of it: whatever it does not tell, the resolver and the fills sweep ask. A
session ends with its first error; one that is open and keeps quiet about an order that REST has proved is silent
(RELIABILITY B15), and ends too.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from trading.venues import parsing
from trading.venues.account_frames import READERS, OrderNews, is_confirmation, is_of_account
from trading.venues.base import VenueError
from trading.venues.ccxt_client import DIALECTS, load_listings
from trading.venues.dialect import Dialect, Listings
from trading.venues.limiter import TokenBucket
from trading.venues.quirks import Quirks
from trading.venues.wire import Wire

log = logging.getLogger(__name__)
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
HEALTHY_AFTER_SECONDS = 30.0
TOLD_WITHIN_SECONDS = 10.0
CHECK_SECONDS = 1.0
HEARD_KEPT = 1000
Sink = Callable[[str, OrderNews], None]  # venue, news; called on the event loop, must not block
Clock = Callable[[], float]


class SilentError(Exception):
    """The socket is open, an order was accepted, and nothing was told of it."""


class Expectations:
    """Orders that REST has proved and the stream has yet to tell. Thread safe: answers come in the task threads."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}
        self._heard: OrderedDict[str, None] = OrderedDict()

    def expect(self, client_order_id: str) -> None:
        with self._lock:
            if client_order_id not in self._heard:
                self._since.setdefault(client_order_id, self._clock())

    def heard(self, client_order_id: str) -> None:
        """The stream is often faster than the answer: what it has told already is not waited for."""
        with self._lock:
            self._since.pop(client_order_id, None)
            self._heard[client_order_id] = None
            while len(self._heard) > HEARD_KEPT:
                self._heard.popitem(last=False)

    def forget(self) -> None:
        """A broken stream has told nothing since it broke."""
        with self._lock:
            self._since.clear()

    def overdue(self) -> list[str]:
        before = self._clock() - TOLD_WITHIN_SECONDS
        with self._lock:
            return [name for name, since in self._since.items() if since < before]


@dataclass
class AccountFeedState:
    """``silent``: how often it was open and quiet; ``silent_about``: the orders of the last time."""

    connected: bool = False
    gaps: int = 0
    unreadable: int = 0
    silent: int = 0
    silent_about: tuple[str, ...] = ()
    error: str = ""


class AccountFeed:
    """Runs until canceled, on the loop that it was started on."""

    def __init__(
        self,
        venue: str,
        quirks: Quirks,
        connect: Callable[[TokenBucket], Awaitable[Wire]],
        sink: Sink,
        clock: Clock = time.monotonic,
    ) -> None:
        self.venue = venue
        self.state = AccountFeedState()
        self.expectations = Expectations(clock)
        self._quirks, self._connect, self._sink = quirks, connect, sink
        self._weights = TokenBucket(quirks.weight_per_second, quirks.weight_burst)
        self._listings = Listings(venue)
        self._dialect: Dialect | None = None
        self._confirmed = False

    def __repr__(self) -> str:
        return f"<account feed of {self.venue}>"

    def expect(self, client_order_id: str) -> None:
        """REST has proved this order: the stream is to tell it, if it is connected now."""
        if self.state.connected:
            self.expectations.expect(client_order_id)

    async def run(self) -> None:
        if self._quirks.dialect not in READERS:
            return  # a venue without a reader of ours is asked by REST alone
        attempt = 0
        while True:
            started = time.monotonic()
            try:
                await self._session()
            except Exception as error:  # noqa: BLE001 - whatever ends a session, the next begins after a wait
                self._note_gap(error)
            attempt = 0 if time.monotonic() - started > HEALTHY_AFTER_SECONDS else attempt + 1
            await asyncio.sleep(BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)])

    def _note_gap(self, error: Exception) -> None:
        self.state.gaps += 1
        self.state.error = error.code if isinstance(error, VenueError) else type(error).__name__
        if isinstance(error, SilentError):
            self.state.silent += 1
        log.warning("account stream of %s broke: %s", self.venue, self.state.error)

    async def _session(self) -> None:
        wire = await self._connect(self._weights)
        wire.exchange.propbot_listener = self._listen
        try:
            self._dialect = DIALECTS[self._quirks.dialect](wire, self._listings)
            await load_listings(wire, self._dialect, self._listings)
            await self._listen_until_it_breaks(wire)
        finally:
            self.state.connected = self._confirmed = False
            self.expectations.forget()
            await wire.close()

    async def _listen_until_it_breaks(self, wire: Wire) -> None:
        tasks = [asyncio.create_task(job) for job in (self._keep_watching(wire), self._notice_silence(wire))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_watching(self, wire: Wire) -> None:
        while True:
            await wire.watch_orders()
            await asyncio.sleep(0)

    async def _notice_silence(self, wire: Wire) -> None:
        while True:
            self.state.connected = wire.has_open_socket() and (self._confirmed or not self._quirks.confirms_private)
            if overdue := self.expectations.overdue():
                self.state.silent_about = tuple(overdue)
                raise SilentError
            await asyncio.sleep(CHECK_SECONDS)

    def _listen(self, message: object) -> bool:
        """ccxt is spared the frames that only tell of the account: it would parse them again, beside an entry."""
        self._hear(message)
        return is_of_account(message)

    def _hear(self, message: object) -> None:
        if self._dialect is None:
            return
        try:
            news = READERS[self._quirks.dialect](message, self._dialect, self._listings)
        except (parsing.FieldError, VenueError):
            self.state.unreadable += 1
            return
        self._confirmed = self._confirmed or is_confirmation(message)
        for one in news:
            self.expectations.heard(one.order.client_order_id)
            self._sink(self.venue, one)
