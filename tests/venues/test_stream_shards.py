"""Two stream processes share the universe; one that is missing is named, and its symbols' quotes grow old."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError
from django.test import override_settings

from propbot.clock import utc_now
from propbot.config import values
from propbot.console.selectors.board import stream_missing
from tests.venues.simulator import Simulator
from tests.venues.test_stream import PATIENCE_SECONDS, allow, eventually, process_environment
from trading.management.commands.stream_quotes import wanted_shards
from trading.quotes import VenueStream, board, lease
from trading.services.quote_stream import ShardLostError, stream
from trading.stream_shards import WHOLE, Shard, ShardLease, shard_of, shards
from trading.venues.registry import venue_ids

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = shards(2)


@contextmanager
def shares(count: int) -> Iterator[None]:
    with override_settings(PROPBOT=values().replace(STREAM_SHARDS=count)):
        yield


@pytest.fixture
def two_shares(simulator: Simulator) -> Iterator[None]:
    with shares(2):
        yield


@pytest.fixture
def allowed(transactional_db: None, redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    allow(SYMBOLS)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_symbol_has_exactly_one_share(count: int) -> None:
    symbols = [f"S{number:03d}USDT" for number in range(500)]
    taken = [symbol for shard in shards(count) for symbol in shard.share_of(symbols)]
    assert sorted(taken) == symbols
    sizes = [len(shard.share_of(symbols)) for shard in shards(count)]
    assert min(sizes) > 0.7 * 500 / count


def test_no_symbol_moves_when_another_comes() -> None:
    before = {symbol: [shard.owns(symbol) for shard in shards(3)] for symbol in SYMBOLS}
    assert [SECOND.owns(symbol) for symbol in SYMBOLS] == [not FIRST.owns(symbol) for symbol in SYMBOLS]
    assert before == {symbol: [shard.owns(symbol) for shard in shards(3)] for symbol in [*SYMBOLS]}
    assert all(WHOLE.owns(symbol) for symbol in SYMBOLS)


def test_the_demo_symbols_are_not_all_in_one_of_two_shares() -> None:
    assert FIRST.share_of(SYMBOLS)
    assert SECOND.share_of(SYMBOLS)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/٢"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        shard_of(text)


def test_a_share_of_another_number_than_the_desks_is_refused() -> None:
    assert str(shard_of(" 2/3 ")) == "2/3"
    with shares(2), pytest.raises(CommandError, match="2/3 is not one of STREAM_SHARDS=2"):
        wanted_shards("2/3")
    with shares(3):
        assert wanted_shards("2/3") == [Shard(2, 3)]
        assert wanted_shards("") == shards(3)


def test_a_share_has_one_holder_and_is_free_when_it_leaves(redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    one, other, third = lease(shards(2)), lease(shards(2)), lease([FIRST])
    assert (one.take(), other.take(), third.take()) == (FIRST, SECOND, None)
    assert one.renew()
    assert other.renew()
    assert not third.renew()
    one.release()
    assert third.take() == FIRST


def test_a_holder_that_slept_too_long_finds_its_share_taken(redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    slept, successor = lease([FIRST]), lease([FIRST])
    slept.take()
    (key,) = redis_client.keys("*lease*")
    redis_client.delete(key)  # what Redis does by itself once the time is over
    assert successor.take() == FIRST
    assert not slept.renew()
    slept.release()
    assert successor.renew()


def test_a_redis_that_forgot_everything_gives_the_share_back(redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    own = lease([FIRST])
    own.take()
    redis_client.flushdb()
    assert own.renew()
    assert lease([FIRST]).take() is None


def test_without_redis_nobody_loses_a_share() -> None:
    own = ShardLease(redis.Redis(port=1), [FIRST])
    own.shard = FIRST
    assert own.renew()


def put(shard: Shard, age_seconds: float = 0, **more: Any) -> None:
    now = utc_now()
    state = VenueStream(**{"connected": True, "last_frame_at": now, "reconnects": 1, "gaps": 2, **more})
    board().put_stream_state(now - timedelta(seconds=age_seconds), {"okx-perp": state}, shard)


def test_the_missing_share_is_named_and_the_whole_stream_only_when_all_are(redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    with shares(2):
        assert stream_missing(utc_now(), 15) == ["stream"]
        put(FIRST)
        assert stream_missing(utc_now(), 15) == ["stream 2/2"]
        put(SECOND)
        assert stream_missing(utc_now(), 15) == []
        put(FIRST, age_seconds=20)
        assert stream_missing(utc_now(), 15) == ["stream 1/2"]
    with shares(3):
        assert stream_missing(utc_now(), 15) == ["stream"]


def test_the_shares_of_one_venue_are_told_as_one(redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    with shares(2):
        put(FIRST, age_seconds=3)
        put(SECOND, connected=False, last_frame_at=None, error="FeedSilentError")
        state = board().stream_state()
        board().put_stream_state(utc_now(), {}, FIRST)
        assert set(board().stream_state().venues) == {"okx-perp"}
    told = state.venues["okx-perp"]
    assert (told.connected, told.last_frame_at, told.reconnects, told.gaps) == (False, None, 2, 4)
    assert told.error == "FeedSilentError"
    assert state.heartbeat_at is not None
    assert 2 < (utc_now() - state.heartbeat_at).total_seconds() < 10


def quoted() -> set[tuple[str, str]]:
    return set(board().quotes())


def of(*found: Shard) -> set[tuple[str, str]]:
    return {(venue, symbol) for venue in venue_ids() for shard in found for symbol in shard.share_of(SYMBOLS)}


@pytest.mark.usefixtures("two_shares", "allowed")
async def test_each_process_writes_its_share_and_a_third_stands_by() -> None:
    stops = [asyncio.Event() for _ in range(3)]
    first = asyncio.create_task(stream(stops[0], shards(2)))
    await eventually(lambda: quoted() == of(FIRST))
    assert stream_missing(utc_now(), 15) == ["stream 2/2"]
    rest = [asyncio.create_task(stream(stop, shards(2))) for stop in stops[1:]]
    await eventually(lambda: quoted() == of(FIRST, SECOND))
    await eventually(lambda: stream_missing(utc_now(), 15) == [])
    stops[0].set()
    await asyncio.wait_for(first, PATIENCE_SECONDS)
    left = utc_now()
    # The one that stood by has the free share: its quotes go on.
    await eventually(
        lambda: all(quote.received_at > left for key, quote in board().quotes().items() if key in of(FIRST))
    )
    for stop in stops[1:]:
        stop.set()
    await asyncio.wait_for(asyncio.gather(*rest), PATIENCE_SECONDS)


@pytest.mark.usefixtures("two_shares", "allowed")
async def test_who_lost_its_share_ends_instead_of_streaming_twice(redis_client: redis.Redis) -> None:
    running = asyncio.create_task(stream(asyncio.Event(), [FIRST]))
    await eventually(lambda: quoted() == of(FIRST))
    (key,) = redis_client.keys("*lease*")
    redis_client.set(key, "somebody else")
    with pytest.raises(ShardLostError):
        await asyncio.wait_for(running, PATIENCE_SECONDS)
    assert redis_client.get(key) == b"somebody else"


@pytest.mark.usefixtures("two_shares", "allowed")
def test_a_killed_share_is_missed_and_its_quotes_grow_old(simulator: Simulator) -> None:
    """Two real processes; the guards of an entry go by the age of the quotes themselves."""

    def start(shard: Shard) -> "subprocess.Popen[bytes]":
        environment = {**process_environment(simulator), "STREAM_SHARDS": "2"}
        command = [sys.executable, "manage.py", "stream_quotes", "--shard", str(shard)]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)

    from propbot.errors import RefusedError
    from tests.acceptance.desk import wait_for
    from trading.services.journal import refuse_stale

    processes = [start(FIRST), start(SECOND)]
    try:
        wait_for(
            "both shares", lambda: (quoted(), stream_missing(utc_now(), 15)), lambda f: f == (of(FIRST, SECOND), []), 40
        )
        processes[1].send_signal(signal.SIGKILL)
        processes[1].wait(10)
        wait_for("the missing share is named", lambda: stream_missing(utc_now(), 4), lambda f: f == ["stream 2/2"], 20)
        quotes = board().quotes()
        fresh = [quotes[venue, symbol] for venue, symbol in sorted(of(FIRST))]
        refuse_stale(fresh, now=utc_now(), max_age_ms=2500)
        with pytest.raises(RefusedError, match="ms old"):
            refuse_stale([quotes[key] for key in of(SECOND)], now=utc_now(), max_age_ms=2500)
    finally:
        for process in processes:
            process.kill()
            process.wait()
