"""The trader's ear: one account feed per venue on the venue loop, and a thread that stores what they tell."""

import queue
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from trading.runtime.handle import TraderRuntime
from trading.services.account_news import news_store, silence_hold
from trading.venues.account_feed import AccountFeed
from trading.venues.account_frames import OrderNews

log = structlog.get_logger(__name__)
WAIT_SECONDS = 0.25
KEPT_SECONDS = 10.0  # then whoever had the hedge has asked the venue himself
QUEUE_MOST = 10_000


@dataclass(frozen=True)
class _Kept:
    venue: str
    news: OrderNews
    until: float


class AccountStreams:
    """``feeds`` by venue. Nothing here touches the database on the loop."""

    def __init__(self, runtime: TraderRuntime) -> None:
        self._runtime = runtime
        self._queue: queue.Queue[_Kept] = queue.Queue(QUEUE_MOST)
        self._kept: deque[_Kept] = deque()
        self._silences: dict[str, int] = {}
        self._running: list[Future[list[None]]] = []
        self.feeds: dict[str, AccountFeed] = {}

    def begin(self, feeds: Mapping[str, AccountFeed]) -> None:
        self.feeds = dict(feeds)
        self._running = [self._runtime.begin(feed.run()) for feed in self.feeds.values()]

    def heard(self, venue: str, news: OrderNews) -> None:
        """On the loop. A full queue drops: REST knows it all."""
        try:
            self._queue.put_nowait(_Kept(venue, news, time.monotonic() + KEPT_SECONDS))
        except queue.Full:
            log.warning("user_stream_dropped", venue=venue)

    def expect(self, venue: str, client_order_id: str) -> None:
        """An answer of REST has proved this order; its stream is to tell of it."""
        feed = self.feeds.get(venue)
        if feed is not None:
            feed.expect(client_order_id)

    def step(self) -> None:
        """Store what has come; what somebody works on waits its turn, in the order of its coming."""
        try:
            self._kept.append(self._queue.get(timeout=WAIT_SECONDS))
            while True:
                self._kept.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        self._runtime.give_way()
        if not self._runtime.standby:
            self._store()
        self._look_for_silence()

    def _store(self) -> None:
        now, waiting = time.monotonic(), deque[_Kept]()
        while self._kept:
            one = self._kept.popleft()
            if not news_store(runtime=self._runtime, venue=one.venue, news=one.news) and one.until > now:
                waiting.append(one)
        self._kept = waiting

    def _look_for_silence(self) -> None:
        for venue, feed in self.feeds.items():
            if feed.state.silent > self._silences.get(venue, 0):
                self._silences[venue] = feed.state.silent
                silence_hold(venue=venue, orders=feed.state.silent_about)

    def end(self) -> None:
        for running in self._running:
            running.cancel()
        self._running, self.feeds = [], {}
