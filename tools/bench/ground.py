"""Where a measurement runs: an own database, an own Redis, an own directory, and the simulator's control side."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import redis

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "propbot_bench"
VENUES = ("binance-um", "okx-perp")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Ground:
    """``database_url`` names the bench's own database; what stood in it is dropped by ``fresh``."""

    server_url: str
    redis_url: str
    folder: Path

    @property
    def database_url(self) -> str:
        return urlunsplit(urlsplit(self.server_url)._replace(path=f"/{DATABASE}"))

    def fresh(self) -> None:
        """An empty database and an empty Redis: nothing of an earlier measurement is left."""
        with psycopg.connect(self.server_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {DATABASE}")
        redis.Redis.from_url(self.redis_url).flushdb()

    def environ(self, **extra: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, **extra}


def ground_of(folder: Path) -> Ground:
    """From DATABASE_URL and REDIS_URL, which ``make bench`` sets to servers of its own where none are given."""
    return Ground(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], folder)


def wait_for(what: str, read: Callable[[], Any], seconds: float) -> Any:
    """The first true value of ``read``; RuntimeError when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := read():
            return value
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"{what}: not within {seconds:g} s")


@dataclass(frozen=True)
class Arrival:
    """One opening order as the venue took it. ``at_ms``: milliseconds since the epoch, the simulator's clock."""

    venue: str
    at_ms: int
    accepted: bool


class Control:
    """The simulator's control side."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=10)

    def ask(self, path: str, body: Any = None) -> Any:
        answer = self._client.get(path) if body is None else self._client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def latency(self, milliseconds: float) -> None:
        """What every REST answer takes from now on."""
        self._client.delete("/control/faults").raise_for_status()
        for venue in VENUES if milliseconds else ():
            self.ask(
                "/control/faults", {"venue": venue, "kind": "latency", "args": {"ms": milliseconds}, "times": None}
            )

    def dislocate(self, venue: str, symbol: str, bps: float, seconds: float) -> float:
        """Lift one venue's quotes; answers the second of the simulator's market in which it did."""
        begun = self.ask("/control/dislocate", {"venue": venue, "symbol": symbol, "bps": bps, "seconds": seconds})
        return float(begun["started_market_seconds"])

    def moment_of(self, market_seconds: float) -> float:
        """The same in ms since the epoch, by the simulator's clock; asked whenever it disturbs nobody."""
        clock = self.ask("/control/state")["clock"]
        age_seconds = float(clock["market_seconds"]) - market_seconds
        return milliseconds(clock["now"]) - age_seconds * 1000 / float(clock["speed"])

    def opening_orders(self, symbol: str, since_ms: float) -> list[Arrival]:
        rows = self.ask("/control/orders")["orders"]
        found = [
            Arrival(row["venue"], int(milliseconds(row["received_at"])), bool(row["accepted"]))
            for row in rows
            if row["symbol"] == symbol and not row["reduce_only"]
        ]
        return [one for one in sorted(found, key=lambda one: one.at_ms) if one.at_ms >= since_ms - 1]

    def positions(self) -> list[dict[str, Any]]:
        return list(self.ask("/control/positions")["positions"])

    def flatten(self) -> None:
        """Trade every position away on the account's own side."""
        for row in self.positions():
            size = float(row["quantity"])
            body = {"venue": row["venue"], "symbol": row["symbol"], "side": "sell" if size > 0 else "buy"}
            self.ask("/control/trade", {**body, "quantity": str(row["quantity"]).lstrip("-"), "kind": "outside"})


def milliseconds(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def percentile(values: Sequence[float], rank: int) -> float:
    return float(statistics.quantiles(values, n=100, method="inclusive")[rank - 1])
