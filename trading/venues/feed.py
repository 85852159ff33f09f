"""One venue's public streams through ccxt.pro: best bid and ask, mark, funding; with its gaps counted.

Frames are read raw and strictly; ccxt subscribes, answers pings and keeps the connection. A session
ends with its first error or with silence, and the next begins after a backoff, on fresh sockets.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from trading.venues import parsing
from trading.venues.base import FundingInfo, Mark, Quote, VenueError
from trading.venues.ccxt_client import DIALECTS, load_listings
from trading.venues.dialect import Listings, now
from trading.venues.frames import READERS, read_unified
from trading.venues.limiter import TokenBucket
from trading.venues.quirks import Quirks
from trading.venues.wire import Tap, Wire

log = logging.getLogger(__name__)
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
HEALTHY_AFTER_SECONDS = 30.0
SILENT_AFTER_SECONDS = 10.0  # marks come every second on Binance and at least every ten on OKX
QUOTES_SILENT_AFTER_SECONDS = 20.0
CHUNK = 50  # symbols per subscription; Binance takes at most 50 streams sets
MARKETS_MAX_AGE_SECONDS = 3600.0
WATCHES = ("watch_bids_asks", "watch_mark_prices", "watch_funding_rates")


class FeedSink(Protocol):
    """Where news goes. Called on the event loop; must not block."""

    def on_quote(self, quote: Quote) -> None: ...

    def on_mark(self, mark: Mark) -> None: ...

    def on_funding(self, venue: str, funding: FundingInfo) -> None: ...


class FeedSilentError(Exception):
    """The socket is open and nothing comes (RELIABILITY B15)."""


@dataclass
class FeedState:
    """``gaps``: breaks of the stream, for whatever reason; ``unreadable``: frames that could not be parsed."""

    connected: bool = False
    last_frame_at: datetime | None = None
    reconnects: int = 0
    gaps: int = 0
    unreadable: int = 0
    error: str = ""


class VenueFeed:
    """Runs until canceled. ``watch`` changes the symbols; the next session subscribes to them."""

    def __init__(
        self, venue: str, quirks: Quirks, connect: Callable[[TokenBucket], Awaitable[Wire]], sink: FeedSink
    ) -> None:
        self.venue = venue
        self.state = FeedState()
        self.tap: Tap | None = None
        self._quirks, self._connect, self._sink = quirks, connect, sink
        self._weights = TokenBucket(quirks.weight_per_second, quirks.weight_burst)
        self._listings = Listings(venue)
        self._markets: dict[str, Any] | None = None
        self._markets_read_at = 0.0
        self._symbols: tuple[str, ...] = ()
        self._changed = asyncio.Event()
        self._frame_at = self._quote_at = 0.0

    def __repr__(self) -> str:
        return f"<feed of {self.venue}>"

    def watch(self, symbols: Sequence[str]) -> None:
        if tuple(sorted(symbols)) != self._symbols:
            self._symbols = tuple(sorted(symbols))
            self._changed.set()

    async def run(self) -> None:
        attempt = 0
        while True:
            started = time.monotonic()
            try:
                await self._session()
                attempt = 0
                continue
            except (VenueError, FeedSilentError, OSError) as error:
                self._note_gap(error)
            attempt = 0 if time.monotonic() - started > HEALTHY_AFTER_SECONDS else attempt + 1
            await asyncio.sleep(BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)])
            self.state.reconnects += 1

    def _note_gap(self, error: Exception) -> None:
        self.state.connected = False
        self.state.gaps += 1
        self.state.error = error.code if isinstance(error, VenueError) else type(error).__name__
        log.warning("stream of %s broke: %s", self.venue, self.state.error)

    async def _session(self) -> None:
        """One set of sockets. Returns when the symbols change, raises when the stream breaks."""
        self._changed.clear()
        if not self._symbols:
            await self._changed.wait()
            return
        wire = await self._connect(self._weights)
        wire.exchange.propbot_listener = self._listen
        wire.exchange.propbot_tap = self.tap
        try:
            await self._load(wire)
            await self._watch_all(wire)
        finally:
            self.state.connected = False
            await wire.close()

    async def _load(self, wire: Wire) -> None:
        """Markets are read again after an hour; a reconnect alone does not pay for them."""
        dialect = DIALECTS[self._quirks.dialect](wire, self._listings)
        if self._markets is None or time.monotonic() - self._markets_read_at > MARKETS_MAX_AGE_SECONDS:
            await load_listings(wire, dialect, self._listings)
            self._markets, self._markets_read_at = wire.exchange.markets, time.monotonic()
        else:
            wire.exchange.set_markets(self._markets)

    async def _watch_all(self, wire: Wire) -> None:
        unified = [self._listings.by_symbol[one].unified for one in self._symbols if one in self._listings.by_symbol]
        if not unified:
            await self._changed.wait()
            return
        self._frame_at = self._quote_at = time.monotonic()
        chunks = [unified[start : start + CHUNK] for start in range(0, len(unified), CHUNK)]
        watches = [name for name in WATCHES if wire.exchange.has.get(_has_name(name))]
        jobs = [self._keep_watching(wire, name, chunk) for name in watches for chunk in chunks]
        tasks = [asyncio.create_task(job) for job in (*jobs, self._notice_silence(), self._until_changed())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_changed(self) -> None:
        await self._changed.wait()

    async def _keep_watching(self, wire: Wire, method: str, symbols: list[str]) -> None:
        untabled = self._quirks.dialect not in READERS
        while True:
            answer = await wire.watch(method, symbols)
            if untabled and method == "watch_bids_asks":
                self._take(lambda: read_unified(answer, self._listings, now()))  # noqa: B023 - called at once
            await asyncio.sleep(0)

    async def _notice_silence(self) -> None:
        while True:
            await asyncio.sleep(1)
            at = time.monotonic()
            if at - self._frame_at > SILENT_AFTER_SECONDS or at - self._quote_at > QUOTES_SILENT_AFTER_SECONDS:
                raise FeedSilentError

    def _listen(self, message: object) -> None:
        self._frame_at = time.monotonic()
        reader = READERS.get(self._quirks.dialect)
        if reader is not None:
            self._take(lambda: reader(message, self._listings, now()))

    def _take(self, read: Callable[[], Sequence[Quote | Mark | FundingInfo]]) -> None:
        """A frame that cannot be read is counted and dropped: the quote it would have renewed goes stale."""
        try:
            news = read()
        except (parsing.FieldError, IndexError, TypeError):
            self.state.unreadable += 1
            return
        for one in news:
            self._deliver(one)

    def _deliver(self, one: Quote | Mark | FundingInfo) -> None:
        self.state.connected, self.state.last_frame_at, self.state.error = True, now(), ""
        if isinstance(one, Quote):
            self._quote_at = time.monotonic()
            self._sink.on_quote(one)
        elif isinstance(one, Mark):
            self._sink.on_mark(one)
        else:
            self._sink.on_funding(self.venue, one)


def _has_name(method: str) -> str:
    """watch_bids_asks -> watchBidsAsks, as ccxt's table of abilities writes it."""
    first, *rest = method.split("_")
    return first + "".join(part.capitalize() for part in rest)
