"""The streams of the real simulator onto the board: news, gaps, silence, and a stop that is clean."""

import asyncio
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from django.conf import settings

from propbot.clock import utc_now
from tests.addresses import database_url
from tests.venues.simulator import Simulator
from trading.models import Instrument, StandingBasis, UniverseEntry
from trading.quotes import board
from trading.services.quote_stream import QuoteStream
from trading.venues import feed as feeds
from trading.venues.base import FundingInfo, Mark, Quote
from trading.venues.feed import VenueFeed
from trading.venues.recorder import record
from trading.venues.registry import build_feed, venue_ids

PATIENCE_SECONDS = 20


async def eventually(condition: Callable[[], bool]) -> None:
    """Look again every twentieth of a second, for what nobody announces."""
    never = asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(condition):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.05)


class Sink:
    """Keeps what came and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.quotes: list[Quote] = []
        self.marks: list[Mark] = []
        self.funding: list[FundingInfo] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def on_quote(self, quote: Quote) -> None:
        self.quotes.append(quote)
        self._wake()

    def on_mark(self, mark: Mark) -> None:
        self.marks.append(mark)
        self._wake()

    def on_funding(self, venue: str, funding: FundingInfo) -> None:
        self.funding.append(funding)
        self._wake()

    def _wake(self) -> None:
        task = asyncio.create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(condition)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture(params=["binance-um", "okx-perp"])
async def feed(
    request: pytest.FixtureRequest, simulator: Simulator, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[VenueFeed]:
    monkeypatch.setattr(feeds, "BACKOFF_SECONDS", (0.05,))
    found = build_feed(request.param, sink)
    found.watch(["BTCUSDT", "ETHUSDT", "NOSUCHUSDT"])
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_quotes_marks_and_funding_arrive_in_base_units(feed: VenueFeed, sink: Sink) -> None:
    await sink.until(lambda: {one.symbol for one in sink.quotes} == {"BTCUSDT", "ETHUSDT"} and bool(sink.marks))
    await sink.until(lambda: bool(sink.funding))
    assert all(0 < one.bid < one.ask and one.venue_at for one in sink.quotes)
    assert {one.venue for one in sink.quotes} == {feed.venue}
    assert feed.state.connected
    assert feed.state.gaps == 0


async def test_a_closed_socket_is_a_gap_and_the_stream_comes_back(
    feed: VenueFeed, sink: Sink, simulator: Simulator
) -> None:
    await sink.until(lambda: bool(sink.quotes))
    await asyncio.to_thread(simulator.fault, feed.venue, "close_stream")
    await sink.until(lambda: feed.state.gaps >= 1)
    seen = len(sink.quotes)
    await sink.until(lambda: feed.state.connected and len(sink.quotes) > seen)
    assert feed.state.reconnects >= 1


async def test_a_mute_stream_is_noticed_although_its_socket_is_open(
    feed: VenueFeed, sink: Sink, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY B15."""
    await sink.until(lambda: bool(sink.quotes))
    monkeypatch.setattr(feeds, "SILENT_AFTER_SECONDS", 0.5)
    await asyncio.to_thread(simulator.fault, feed.venue, "mute_stream", times=100_000)
    await eventually(lambda: feed.state.gaps > 0)
    assert feed.state.error == "FeedSilentError"


async def test_new_symbols_are_subscribed_without_a_gap(feed: VenueFeed, sink: Sink) -> None:
    await sink.until(lambda: bool(sink.quotes))
    feed.watch(["SOLUSDT"])
    await sink.until(lambda: any(one.symbol == "SOLUSDT" for one in sink.quotes))
    assert feed.state.gaps == 0


async def test_a_recording_holds_every_frame_as_it_came(simulator: Simulator, tmp_path: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(3, stop.set)
    counts = await record(tmp_path, ["BTCUSDT"], stop)
    assert set(counts) == set(venue_ids())
    for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir())):
        lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        assert len(lines) == counts[path.name.split("_")[0]]
        assert {"open", "out", "in", "rest"} == {line["dir"] for line in lines}
        assert all(set(line) == {"t", "dir", "msg", "url"} for line in lines)
        assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
        json.loads(next(line["msg"] for line in lines if line["dir"] == "in"))


def allow(symbols: list[str]) -> None:
    for symbol in symbols:
        UniverseEntry.objects.update_or_create(symbol=symbol, defaults={"allowed": True})
        for venue in venue_ids():
            Instrument.objects.create(
                venue=venue,
                symbol=symbol,
                venue_symbol=symbol,
                active=True,
                tick_size=Decimal("0.1"),
                lot_size=Decimal("0.001"),
                min_quantity=Decimal("0.001"),
                contract_size=Decimal(1),
                taker_fee_bps=Decimal(5),
                maker_fee_bps=Decimal(2),
                refreshed_at=utc_now(),
            )
        StandingBasis.objects.create(
            symbol=symbol,
            venue_a="binance-um",
            venue_b="okx-perp",
            median_bps=Decimal(5),
            samples=1000,
            first_at=utc_now().replace(year=2020),
            last_at=utc_now(),
        )


@pytest.fixture
def bitcoin_allowed(transactional_db: None, redis_client: redis.Redis) -> None:
    allow(["BTCUSDT"])


@pytest.mark.usefixtures("bitcoin_allowed")
async def test_the_board_is_filled_and_an_edge_knocks_on_the_scanner(simulator: Simulator) -> None:
    knocked, stop = asyncio.Event(), asyncio.Event()

    async def knock(*_: object) -> None:
        knocked.set()

    service = QuoteStream(board(), knock)
    running = asyncio.create_task(service.run(stop))
    await eventually(lambda: set(board().quotes()) == {(venue, "BTCUSDT") for venue in venue_ids()})
    assert not knocked.is_set()
    body = {"venue": "okx-perp", "symbol": "BTCUSDT", "bps": 80, "seconds": 10}
    await asyncio.to_thread(simulator.handle.control, "POST", "/control/dislocate", body)
    await asyncio.wait_for(knocked.wait(), PATIENCE_SECONDS)
    state = await asyncio.to_thread(board().stream_state)
    assert state.is_alive(utc_now())
    assert set(state.venues) == set(venue_ids())
    stop.set()
    await asyncio.wait_for(running, PATIENCE_SECONDS)


@pytest.mark.django_db(transaction=True)
def test_the_stream_process_ends_cleanly_on_sigterm(simulator: Simulator) -> None:
    command = [sys.executable, "manage.py", "stream_quotes"]
    root = Path(__file__).resolve().parents[2]
    environment = process_environment(simulator)
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=root, env=environment, **output) as process:  # type: ignore[call-overload]
        try:
            assert any("streaming" in line for line in iter(process.stdout.readline, ""))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == 0
            assert "Traceback" not in process.stdout.read()
        finally:
            process.kill()


def process_environment(simulator: Simulator) -> dict[str, str]:
    """This test's own database and Redis, for a process of its own."""
    return {
        **os.environ,
        "PROFILE": "simulator",
        "SIMULATOR_URL": simulator.url,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "PROCESS": "",
    }
