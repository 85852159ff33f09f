"""The stream process: every venue's feed onto the quote board, and a knock on the scanner when an edge shows."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, connection
from redis import RedisError

from propbot import metrics
from propbot.clock import utc_now
from risk.selectors import control_read
from trading.quote_edge import EdgeTerms, EdgeTrigger, is_above
from trading.quotes import BoardUnavailableError, Knocker, QuoteBoard, VenueStream, board, lease
from trading.selectors import market as market_reads
from trading.stream_shards import WHOLE, Shard, ShardLease
from trading.venues.base import FundingInfo, Mark, Quote
from trading.venues.dialect import now
from trading.venues.feed import VenueFeed
from trading.venues.registry import build_feed, venue_ids

log = logging.getLogger(__name__)
FLUSH_EVERY_SECONDS = 0.1  # at most ten board writes a second, whatever the venues send
HEARTBEAT_EVERY_SECONDS = 1.0
REREAD_EVERY_SECONDS = 10.0
Knock = Callable[[Sequence[str], Sequence[Quote]], Awaitable[None]]


def edge_terms_read() -> EdgeTerms:
    """Fees, standing bases and the threshold that the scanner goes by."""
    listings = market_reads.listings(market_reads.allowed_symbols())
    fees = {key: listing.taker_fee_bps for key, listing in listings.items() if listing.taker_fee_bps is not None}
    return EdgeTerms(fees, market_reads.basis_table(), control_read().min_spread_bps)


class ShardLostError(Exception):
    """Another process has this one's share: it took it while this one was frozen."""


class QuoteStream:
    """Collects news from all feeds and writes the latest of each to the board."""

    def __init__(self, quotes: QuoteBoard, knock: Knock, *, lease: ShardLease | None = None) -> None:
        self._board, self._knock, self._lease = quotes, knock, lease
        self.shard = lease.shard if lease and lease.shard else WHOLE
        self._share: list[str] = []
        self.feeds: dict[str, VenueFeed] = {venue: build_feed(venue, self) for venue in venue_ids()}
        self._latest: dict[str, dict[str, Quote]] = {}
        self._quotes: dict[tuple[str, str], Quote] = {}
        self._marks: dict[tuple[str, str], Mark] = {}
        self._funding: dict[tuple[str, str], FundingInfo] = {}
        self._news = asyncio.Event()
        self._crossed: dict[str, dict[str, Quote]] = {}
        self._crossing = asyncio.Event()
        self._triggers: dict[str, EdgeTrigger] = {}
        self._terms = EdgeTerms()

    # --- what the feeds bring -------------------------------------------------------------------

    def on_quote(self, quote: Quote) -> None:
        """A frame older than what we have came out of order and is dropped (B14)."""
        known = self._latest.setdefault(quote.symbol, {})
        before = known.get(quote.venue)
        late = before and before.venue_at and quote.venue_at and quote.venue_at < before.venue_at
        if late:
            return
        if before:
            gap = (quote.received_at - before.received_at).total_seconds()
            metrics.QUOTE_GAP_SECONDS.labels(quote.venue).observe(max(0.0, gap))
        known[quote.venue] = quote
        self._quotes[quote.venue, quote.symbol] = quote
        self._news.set()
        if is_above(known, self._terms) and self._trigger(quote.symbol).fires(True, time.monotonic()):
            self._crossed[quote.symbol] = known
            self._crossing.set()

    def _trigger(self, symbol: str) -> EdgeTrigger:
        return self._triggers.setdefault(symbol, EdgeTrigger())

    def on_mark(self, mark: Mark) -> None:
        self._marks[mark.venue, mark.symbol] = mark
        self._news.set()

    def on_funding(self, venue: str, funding: FundingInfo) -> None:
        self._funding[venue, funding.symbol] = funding
        self._news.set()

    # --- the process ----------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. One part's end is the end of all: the supervisor starts us anew."""
        await self._reread()
        loops: list[Coroutine[Any, Any, None]] = [
            *(feed.run() for feed in self.feeds.values()),
            self._knock_on(),
            self._flush_on(),
            self._every(HEARTBEAT_EVERY_SECONDS, self._heartbeat),
            self._every(REREAD_EVERY_SECONDS, self._reread),
        ]
        tasks = [asyncio.create_task(loop) for loop in loops]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in [*tasks, stopping]:
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _every(self, seconds: float, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await step()
            await asyncio.sleep(seconds)

    async def _knock_on(self) -> None:
        """An edge does not wait for the next flush: its quotes are put on the board, and the trader is asked to look
        now. Lost with Redis: beat scans at its interval whatever happens."""
        while True:
            await self._crossing.wait()
            self._crossing.clear()
            crossed, self._crossed = self._crossed, {}
            quotes = [quote for known in crossed.values() for quote in known.values()]
            try:
                await self._knock(list(crossed), quotes)
            except BoardUnavailableError as error:
                log.warning("the trader could not be called: %s", error)

    async def _flush_on(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._flush()
            await asyncio.sleep(FLUSH_EVERY_SECONDS)

    async def _flush(self) -> None:
        """Write what is new; what arrives meanwhile waits for the next turn."""
        quotes, self._quotes = self._quotes, {}
        marks, self._marks = self._marks, {}
        funding, self._funding = self._funding, {}
        try:
            await asyncio.to_thread(self._write, quotes, marks, funding)
        except BoardUnavailableError as error:
            log.warning("the quote board cannot be written: %s", error)

    def _write(
        self,
        quotes: Mapping[tuple[str, str], Quote],
        marks: Mapping[tuple[str, str], Mark],
        funding: Mapping[tuple[str, str], FundingInfo],
    ) -> None:
        self._board.put(quotes.values())
        self._board.put_marks(marks.values())
        for venue in {venue for venue, _ in funding}:
            self._board.put_funding(venue, [one for key, one in funding.items() if key[0] == venue])

    async def _heartbeat(self) -> None:
        if self._lease is not None and not await asyncio.to_thread(self._lease.renew):
            raise ShardLostError(f"another process streams share {self.shard}")
        states = {
            venue: VenueStream(
                connected=feed.state.connected,
                last_frame_at=feed.state.last_frame_at,
                reconnects=feed.state.reconnects,
                gaps=feed.state.gaps,
                error=feed.state.error,
            )
            for venue, feed in self.feeds.items()
            if self._share or self.shard == WHOLE
        }
        try:
            await asyncio.to_thread(self._board.put_stream_state, now(), states, self.shard)
        except BoardUnavailableError as error:
            log.warning("the heartbeat cannot be written: %s", error)

    async def _reread(self) -> None:
        """The allowed symbols and the edge's terms; with the database down the last ones stay."""
        try:
            symbols, self._terms = await asyncio.to_thread(_read_rows)
        except DatabaseError as error:
            log.warning("universe and terms cannot be read: %s", type(error).__name__)
            return
        self._share = self.shard.share_of(symbols)
        for venue, feed in self.feeds.items():
            await self._drop_old(venue, symbols)
            feed.watch(self._share)

    async def _drop_old(self, venue: str, symbols: list[str]) -> None:
        """What left the universe must not stand on the board with its last price."""
        gone = [symbol for symbol, known in self._latest.items() if symbol not in symbols and venue in known]
        if gone:
            try:
                await asyncio.to_thread(self._board.forget, venue, gone)
            except BoardUnavailableError:
                return
        for symbol in gone:
            self._latest[symbol].pop(venue, None)


def _read_rows() -> tuple[list[str], EdgeTerms]:
    """In a pool's thread, which would keep its connection for ever."""
    try:
        return market_reads.allowed_symbols(), edge_terms_read()
    finally:
        connection.close()


async def _share_taken(lease: ShardLease, stop: asyncio.Event) -> Shard | None:
    """Stand by until a share is free; None when told to stop before."""
    told = False
    while not stop.is_set():
        try:
            shard = await asyncio.to_thread(lease.take)
        except RedisError as error:
            shard = None
            log.warning("no share can be taken: %s", type(error).__name__)
        if shard is not None:
            return shard
        if not told:
            log.info("standing by: every share has its process")
            told = True
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_EVERY_SECONDS):
                await stop.wait()
    return None


async def stream(stop: asyncio.Event, wanted: Sequence[Shard]) -> None:
    """The body of ``manage.py stream_quotes``: one of the wanted shares, as soon as it is free."""
    own = lease(wanted)
    shard = await _share_taken(own, stop)
    if shard is None:
        return
    log.info("streaming %s, share %s, since %s", ", ".join(venue_ids()), shard, utc_now().isoformat())
    knocker = Knocker()
    try:
        await QuoteStream(board(), knocker.knock, lease=own).run(stop)
    finally:
        await knocker.close()
        with suppress(RedisError):
            await asyncio.to_thread(own.release)
