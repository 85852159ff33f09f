"""Which of the desk's processes run but do nothing: connected, and deaf (RELIABILITY E3).

A dead process is seen by its exit. A hung one is seen by what it no longer does: the trader and the worker let canaries
lie in their queues, beat lets its lease grow old, the web process answers nobody. All of it is asked in a thread of its
own, so that a database that hangs does not hang the supervisor as well.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from propbot.supervisor import probe
from propbot.supervisor.plan import role_of

HEARTBEATS = {"trader": "queue:trading", "worker": "queue:ops", "beat": "beat"}
AGES = "SELECT name, extract(epoch FROM clock_timestamp() - beat_at)::float8 FROM upkeep_heartbeat"
LOOK_SECONDS = 5.0
HUNG_SECONDS = 30.0
LOOKS_IN_A_ROW = 2
# A process that is starting imports, recovers and connects before it does anything.
START_SECONDS = 60.0


@dataclass(frozen=True)
class Look:
    """Seconds since each process last proved itself. ``fit``: PostgreSQL and Redis answered, so that it could."""

    ages: Mapping[str, float]
    fit: bool


@dataclass
class Judge:
    """Pure: looks in, names out. ``now`` is any monotonic clock, in seconds."""

    fit_since: float | None = None
    beating_since: float | None = None
    late: dict[str, int] = field(default_factory=dict)

    def hung(self, look: Look, uptimes: Mapping[str, float], now: float) -> list[str]:
        """Who must be started again: late at two looks in a row, although nothing kept it from its work.

        Canaries are sent by beat: without one that has been beating for as long, an old canary proves nothing.
        """
        beating = look.fit and look.ages.get("beat", HUNG_SECONDS) < HUNG_SECONDS
        self.fit_since = _since(self.fit_since, look.fit, now)
        self.beating_since = _since(self.beating_since, beating, now)
        return [name for name in uptimes if self._is_hung(name, look, uptimes[name], now)]

    def _is_hung(self, name: str, look: Look, uptime: float, now: float) -> bool:
        role = role_of(name)  # of several workers of one queue nobody knows which let the canary lie
        since = self.beating_since if role in ("trader", "worker") else self.fit_since
        able = since is not None and now - since > HUNG_SECONDS
        late = able and uptime > START_SECONDS and look.ages.get(role, 0.0) > HUNG_SECONDS
        self.late[name] = self.late.get(name, 0) + 1 if late else 0
        if self.late[name] < LOOKS_IN_A_ROW:
            return False
        self.late[name] = 0
        return True


def _since(since: float | None, holds: bool, now: float) -> float | None:
    return (since if since is not None else now) if holds else None


def heartbeat_ages(database_url: str) -> dict[str, float]:
    """By process; raises psycopg.Error when the database cannot be asked."""
    with psycopg.connect(
        database_url, connect_timeout=3, options="-c statement_timeout=3000", autocommit=True
    ) as asking:
        found = {str(name): float(age) for name, age in asking.execute(AGES)}
    return {process: found[name] for process, name in HEARTBEATS.items() if name in found}


class Pulse:
    """Looks every few seconds, in a thread; ``latest`` is the newest look that nobody has judged yet."""

    def __init__(self, database_url: str, redis_url: str, web_url: str) -> None:
        self._urls = (database_url, redis_url, web_url)
        self._stopping = threading.Event()
        self._latest: Look | None = None
        self._web_at = time.monotonic()
        self._thread = threading.Thread(target=self._again, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def latest(self) -> Look | None:
        look, self._latest = self._latest, None
        return look

    def _again(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._latest = self.look()

    def look(self) -> Look:
        database_url, redis_url, web_url = self._urls
        if probe.http_json(f"{web_url}/livez", timeout=LOOK_SECONDS)[0] == 200:
            self._web_at = time.monotonic()
        ages = {"web": time.monotonic() - self._web_at}
        try:
            ages |= heartbeat_ages(database_url)
        except psycopg.Error:
            return Look(ages, fit=False)
        return Look(ages, fit=probe.redis_trouble(redis_url) is None)
