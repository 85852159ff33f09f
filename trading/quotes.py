"""The quote board: the last quote, mark and funding per venue and symbol, in Redis, read by any process.

One hash per venue and kind; a value is one JSON text with decimals as text and both times. What cannot
be read raises BoardUnavailableError: an unread board is unknown, never empty (law 9).
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar, cast

import redis
from django.conf import settings

from propbot.config import values
from propbot.redis_client import redis_async_client, redis_client
from trading.stream_shards import WHOLE, Shard, ShardLease, shards
from trading.venues.base import FundingInfo, Mark, Quote
from trading.venues.registry import venue_ids

PREFIX = "propbot:board"
TIMEOUT_SECONDS = 1.0
KNOCKS = f"{PREFIX}:knocks"
KNOCKS_KEPT = 8
KNOCK_SECONDS = 2.0
Entry = TypeVar("Entry")
Texts = dict[str, dict[str, str]]


class BoardUnavailableError(Exception):
    """Redis gave no answer: quotes are unknown, not absent."""


@dataclass(frozen=True)
class VenueStream:
    """How one venue's stream does. Counts are since the stream process started."""

    connected: bool
    last_frame_at: datetime | None
    reconnects: int
    gaps: int
    error: str = ""


@dataclass(frozen=True)
class StreamState:
    """What all shares together say. ``heartbeats``: when each last reported, None for one that never has."""

    heartbeats: Mapping[Shard, datetime | None]
    venues: Mapping[str, VenueStream] = field(default_factory=dict)

    @property
    def heartbeat_at(self) -> datetime | None:
        """The oldest: the stream is as old as its slowest share."""
        reported = [at for at in self.heartbeats.values() if at is not None]
        return min(reported) if reported and len(reported) == len(self.heartbeats) else None

    def missing(self, now: datetime, within_seconds: float = 5.0) -> list[Shard]:
        """The shares that nobody streams: their symbols' quotes grow old."""
        return [
            shard for shard, at in self.heartbeats.items() if at is None or (now - at).total_seconds() > within_seconds
        ]

    def is_alive(self, now: datetime, within_seconds: float = 5.0) -> bool:
        return not self.missing(now, within_seconds)


def _together(one: VenueStream, other: VenueStream) -> VenueStream:
    """Of two shares of one venue: connected when both are, as old as the older."""
    frames = (one.last_frame_at, other.last_frame_at)
    return VenueStream(
        connected=one.connected and other.connected,
        last_frame_at=None if None in frames else min(cast(tuple[datetime, datetime], frames)),
        reconnects=one.reconnects + other.reconnects,
        gaps=one.gaps + other.gaps,
        error=one.error or other.error,
    )


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _read(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text)).astimezone(UTC)


def quote_text(quote: Quote) -> str:
    return json.dumps(
        {
            "bid": str(quote.bid),
            "bid_quantity": str(quote.bid_quantity),
            "ask": str(quote.ask),
            "ask_quantity": str(quote.ask_quantity),
            "venue_at": _written(quote.venue_at),
            "received_at": _written(quote.received_at),
        }
    )


def quote_of(venue: str, symbol: str, text: str) -> Quote:
    row = json.loads(text)
    return Quote(
        venue=venue,
        symbol=symbol,
        bid=Decimal(row["bid"]),
        bid_quantity=Decimal(row["bid_quantity"]),
        ask=Decimal(row["ask"]),
        ask_quantity=Decimal(row["ask_quantity"]),
        venue_at=_read(row["venue_at"]),
        received_at=cast(datetime, _read(row["received_at"])),
    )


def mark_text(mark: Mark) -> str:
    times = {"venue_at": _written(mark.venue_at), "received_at": _written(mark.received_at)}
    return json.dumps({"mark_price": str(mark.mark_price), **times})


def mark_of(venue: str, symbol: str, text: str) -> Mark:
    row = json.loads(text)
    received_at = cast(datetime, _read(row["received_at"]))
    return Mark(venue, symbol, Decimal(row["mark_price"]), _read(row["venue_at"]), received_at)


def funding_text(funding: FundingInfo) -> str:
    hours = None if funding.interval_hours is None else str(funding.interval_hours)
    return json.dumps({"rate": str(funding.rate), "next_at": _written(funding.next_at), "interval_hours": hours})


def funding_of(venue: str, symbol: str, text: str) -> FundingInfo:
    row = json.loads(text)
    hours = None if row["interval_hours"] is None else Decimal(row["interval_hours"])
    return FundingInfo(symbol, Decimal(row["rate"]), _read(row["next_at"]), hours)


class QuoteBoard:
    """Reads and writes of any process. A later put of the same symbol replaces the earlier one."""

    def __init__(self, connection: "redis.Redis", waiting: "redis.Redis | None" = None) -> None:
        self._redis, self._waiting = connection, waiting or connection

    # --- writing ------------------------------------------------------------------------------

    def put(self, quotes: Iterable[Quote]) -> None:
        self._put("quotes", [(quote.venue, quote.symbol, quote_text(quote)) for quote in quotes])

    def put_marks(self, marks: Iterable[Mark]) -> None:
        self._put("marks", [(mark.venue, mark.symbol, mark_text(mark)) for mark in marks])

    def put_funding(self, venue: str, funding: Iterable[FundingInfo]) -> None:
        self._put("funding", [(venue, one.symbol, funding_text(one)) for one in funding])

    def _put(self, kind: str, entries: Sequence[tuple[str, str, str]]) -> None:
        tables: dict[str, dict[str, str]] = {}
        for venue, symbol, text in entries:
            tables.setdefault(venue, {})[symbol] = text
        if tables:
            self._pipe([("hset", f"{PREFIX}:{kind}:{venue}", {"mapping": table}) for venue, table in tables.items()])

    def _pipe(self, commands: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
        try:
            pipe = self._redis.pipeline(transaction=False)
            for name, key, arguments in commands:
                getattr(pipe, name)(key, **arguments)
            pipe.execute()
        except redis.RedisError as error:
            raise BoardUnavailableError(type(error).__name__) from None

    def forget(self, venue: str, symbols: Iterable[str]) -> None:
        """Symbols that left the universe must not stand there with an old quote."""
        for kind in ("quotes", "marks", "funding"):
            self._asked(lambda kind=kind: self._redis.hdel(f"{PREFIX}:{kind}:{venue}", *symbols))  # type: ignore[misc]

    # --- the knock of an edge -------------------------------------------------------------------

    def knock(self, symbols: Sequence[str], quotes: Iterable[Quote] = ()) -> None:
        """Tell the trader that these symbols have crossed; ``quotes`` are put on the board before, in the same breath.
        What nobody takes in time is forgotten."""
        pipe = self._redis.pipeline(transaction=False)
        _knock_into(pipe, symbols, quotes)
        self._asked(pipe.execute)

    def knocked(self, wait_seconds: float) -> list[str]:
        """Wait for the next knock; empty when none came, or an old or unreadable one."""
        answer = self._asked(lambda: self._waiting.blpop([KNOCKS], timeout=wait_seconds))
        if answer is None:
            return []
        try:
            note = json.loads(cast(tuple[str, str], answer)[1])
            return [str(one) for one in note["symbols"]] if time.time() - note["at"] <= KNOCK_SECONDS else []
        except (ValueError, KeyError, TypeError):
            return []

    # --- reading ------------------------------------------------------------------------------

    def quotes(self, symbols: Sequence[str] | None = None) -> dict[tuple[str, str], Quote]:
        return self._table("quotes", symbols, quote_of)

    def quotes_and_marks(
        self, symbols: Sequence[str]
    ) -> tuple[dict[tuple[str, str], Quote], dict[tuple[str, str], Mark]]:
        """Both in one round trip."""
        quotes, marks = self._asked(lambda: self._hashes(("quotes", "marks"), symbols))
        return _entries(quotes, quote_of), _entries(marks, mark_of)

    def marks(self, symbols: Sequence[str] | None = None) -> dict[tuple[str, str], Mark]:
        return self._table("marks", symbols, mark_of)

    def funding(self, symbols: Sequence[str] | None = None) -> dict[tuple[str, str], FundingInfo]:
        return self._table("funding", symbols, funding_of)

    def _table(
        self, kind: str, symbols: Sequence[str] | None, read: Callable[[str, str, str], Entry]
    ) -> dict[tuple[str, str], Entry]:
        """One round trip for all venues. An entry that cannot be read is absent, as if never put."""
        if symbols is not None and not symbols:
            return {}
        [texts] = self._asked(lambda: self._hashes((kind,), symbols))
        return _entries(texts, read)

    def _hashes(self, kinds: Sequence[str], symbols: Sequence[str] | None) -> list[Texts]:
        """Each kind's texts by venue and symbol."""
        venues = venue_ids()
        pipe = self._redis.pipeline(transaction=False)
        for key in (f"{PREFIX}:{kind}:{venue}" for kind in kinds for venue in venues):
            pipe.hgetall(key) if symbols is None else pipe.hmget(key, list(symbols))
        answers = iter(pipe.execute())
        return [{venue: _texts(next(answers), symbols) for venue in venues} for _ in kinds]

    def _asked(self, question: Callable[[], Entry]) -> Entry:
        try:
            return question()
        except redis.RedisError as error:
            raise BoardUnavailableError(type(error).__name__) from None

    # --- counters and the stream's state -------------------------------------------------------

    def count_refusals(self, refusals: Iterable[tuple[str, str, str]]) -> None:
        """(venue, symbol, reason) of quotes that were refused, for /metrics and the dashboard."""
        commands: list[tuple[str, str, Mapping[str, Any]]] = [
            ("hincrby", f"{PREFIX}:refusals", {"key": "|".join(refusal), "amount": 1}) for refusal in refusals
        ]
        if commands:
            self._pipe(commands)

    def refusals(self) -> dict[tuple[str, str, str], int]:
        """Refused quotes by (venue, symbol, reason) since the board was made."""
        table = cast(dict[str, str], self._asked(lambda: self._redis.hgetall(f"{PREFIX}:refusals")))
        return {cast(tuple[str, str, str], tuple(name.split("|"))): int(count) for name, count in table.items()}

    def put_stream_state(self, at: datetime, venues: Mapping[str, VenueStream], shard: Shard = WHOLE) -> None:
        """A share without symbols watches nothing and names no venue."""
        rows = {
            venue: {**vars(state), "last_frame_at": _written(state.last_frame_at)} for venue, state in venues.items()
        }
        table = {"heartbeat_at": cast(str, _written(at)), "venues": json.dumps(rows)}
        self._pipe([("hset", self._shard_key(shard), {"mapping": table})])

    @staticmethod
    def _shard_key(shard: Shard) -> str:
        """With the count in it: a process that was told of other shares than the desk's is not one of them."""
        return f"{PREFIX}:stream:{shard.number}of{shard.count}"

    def stream_state(self) -> StreamState:
        """Of all shares of STREAM_SHARDS, in one round trip."""
        expected = shards(values().integer("STREAM_SHARDS"))
        pipe = self._redis.pipeline(transaction=False)
        for shard in expected:
            pipe.hgetall(self._shard_key(shard))
        tables = cast(list[dict[str, str]], self._asked(pipe.execute))
        venues: dict[str, VenueStream] = {}
        for table in tables:
            for venue, row in json.loads(table.get("venues", "{}")).items():
                state = VenueStream(**{**row, "last_frame_at": _read(row["last_frame_at"])})
                venues[venue] = _together(venues[venue], state) if venue in venues else state
        beats = (_read(table.get("heartbeat_at")) for table in tables)
        return StreamState(dict(zip(expected, beats, strict=True)), venues)

    @property
    def gaps(self) -> dict[str, int]:
        """Breaks of each venue's stream since the stream process started."""
        return {venue: state.gaps for venue, state in self.stream_state().venues.items()}


def _texts(answer: Any, symbols: Sequence[str] | None) -> dict[str, str]:
    if symbols is None:
        return cast(dict[str, str], answer)
    return {symbol: text for symbol, text in zip(symbols, answer, strict=True) if text is not None}


def _entries(texts: Texts, read: Callable[[str, str, str], Entry]) -> dict[tuple[str, str], Entry]:
    """An entry that cannot be read is absent, as if never put."""
    found: dict[tuple[str, str], Entry] = {}
    for venue, table in texts.items():
        for symbol, text in table.items():
            try:
                found[venue, symbol] = read(venue, symbol, text)
            except (ValueError, KeyError, TypeError, ArithmeticError):
                continue
    return found


def _knock_into(pipe: Any, symbols: Sequence[str], quotes: Iterable[Quote]) -> None:
    for quote in quotes:
        pipe.hset(f"{PREFIX}:quotes:{quote.venue}", quote.symbol, quote_text(quote))
    pipe.rpush(KNOCKS, json.dumps({"at": time.time(), "symbols": list(symbols)}))
    pipe.ltrim(KNOCKS, -KNOCKS_KEPT, -1)
    pipe.expire(KNOCKS, int(KNOCK_SECONDS))


class Knocker:
    """``QuoteBoard.knock`` from an event loop: the bytes leave in the same turn."""

    def __init__(self) -> None:
        self._redis = redis_async_client(settings.REDIS_URL, seconds=TIMEOUT_SECONDS)

    async def knock(self, symbols: Sequence[str], quotes: Iterable[Quote] = ()) -> None:
        pipe = self._redis.pipeline(transaction=False)
        _knock_into(pipe, symbols, quotes)
        try:
            await pipe.execute()
        except redis.RedisError as error:
            raise BoardUnavailableError(type(error).__name__) from None

    async def close(self) -> None:
        await self._redis.aclose()


@lru_cache(maxsize=8)
def _connection(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> "redis.Redis":
    return redis_client(url, seconds=timeout_seconds, connect_seconds=TIMEOUT_SECONDS)


def lease(wanted: Sequence[Shard]) -> ShardLease:
    """Of this deployment's shares of the stream."""
    return ShardLease(_connection(settings.REDIS_URL), wanted)


def board() -> QuoteBoard:
    """The board of this deployment; connections are pooled per process."""
    # Whoever waits for a knock holds a connection for longer than an answer may take.
    return QuoteBoard(_connection(settings.REDIS_URL), _connection(settings.REDIS_URL, 5 * TIMEOUT_SECONDS))
