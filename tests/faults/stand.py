"""PostgreSQL and Valkey of the test's own, to be stopped, emptied and starved, and a desk that stands on them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from propbot.supervisor import embedded, probe
from propbot.supervisor.child import Child, stop_together
from tests.acceptance.desk import wait_for
from tests.embedded.running import RunningDesk, environment_of, fresh_port, processes_of, start
from tests.house.source import ROOT

READY_SECONDS = 60


@dataclass
class Postgres:
    data_dir: Path
    home: embedded.PostgresHome = field(init=False)
    child: Child = field(init=False)

    def __post_init__(self) -> None:
        self.home = embedded.postgres_home(self.data_dir)
        embedded.initialize(self.home)
        self.child = Child(embedded.postgres_spec(self.home, self.data_dir / "postgres.log"))

    @property
    def url(self) -> str:
        return self.home.url

    def start(self) -> None:
        self.child.start()
        wait_for("PostgreSQL", lambda: probe.database_trouble(self.url), lambda trouble: trouble is None, READY_SECONDS)

    def stop(self) -> None:
        stop_together([self.child])

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.url, autocommit=True)

    def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement, parameters).fetchall()


@dataclass
class Valkey:
    data_dir: Path
    url: str = field(init=False)
    child: Child = field(init=False)

    def __post_init__(self) -> None:
        spec, self.url = embedded.valkey_spec(self.data_dir, os.environ, self.data_dir / "valkey.log")
        self.child = Child(spec)

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url, decode_responses=True)

    def start(self, *, empty: bool = False) -> None:
        if empty:
            shutil.rmtree(self.data_dir / "valkey" / "appendonlydir", ignore_errors=True)
        self.child.start()
        wait_for("Valkey", lambda: probe.redis_trouble(self.url), lambda trouble: trouble is None, READY_SECONDS)

    def stop(self) -> None:
        stop_together([self.child])


@dataclass
class Stand:
    """``desk`` has no services of its own: what the test does to these, nobody repairs."""

    postgres: Postgres
    valkey: Valkey
    desk: RunningDesk

    def failing(self) -> list[str]:
        """What /healthz names; empty when the desk is whole."""
        status, body = probe.http_json(f"http://127.0.0.1:{self.desk.port}/healthz", timeout=10)
        return [] if status == 200 else list(body.get("failing", ["web"]))

    def wait_failing(self, name: str, seconds: float = 30) -> None:
        wait_for(f"{name} is named", self.failing, lambda names: name in names, seconds)

    def wait_healthy(self, seconds: float = 90) -> float:
        """Seconds that it took."""
        began = time.monotonic()
        wait_for("healthy", self.failing, lambda names: not names, seconds)
        return time.monotonic() - began

    def pid_of(self, role: str) -> int:
        found = [
            pid for pid in processes_of(self.desk.data_dir) if _environment(pid).get("PROCESS") == role and _alive(pid)
        ]
        assert found, f"no process of {role}"
        return min(found)

    def second(self, role: str, *command: str) -> "subprocess.Popen[bytes]":
        """Another process beside the desk's own of ``role``, in the same environment."""
        environ = environment_of(self.pid_of(role))
        log = (self.desk.data_dir / "logs" / f"second-{role}.log").open("ab")
        with log:
            return subprocess.Popen(
                (sys.executable, "-m", "celery", "-A", "propbot", *command),
                cwd=ROOT,
                env=environ,
                stdout=log,
                stderr=log,
            )


def _environment(pid: int) -> dict[str, str]:
    try:
        return environment_of(pid)
    except OSError:
        return {}


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def services(place: Path) -> Iterator[tuple[Postgres, Valkey]]:
    place.mkdir(mode=0o711, exist_ok=True)
    (place / "run").mkdir(mode=0o711, exist_ok=True)
    postgres, valkey = Postgres(place), Valkey(place)
    try:
        postgres.start()
        valkey.start()
        yield postgres, valkey
    finally:
        valkey.stop()
        postgres.stop()
        embedded.remove(place)


@contextmanager
def stand(place: Path, **variables: str) -> Iterator[Stand]:
    with services(place / "services") as (postgres, valkey):
        given = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "API_RATE_PER_MIN": "6000", "API_BURST": "600"}
        desk = start(place / "data", fresh_port(), **given, **variables)
        try:
            desk.wait_healthy()
            yield Stand(postgres, valkey, desk)
        finally:
            desk.process.send_signal(signal.SIGTERM)
            try:
                desk.process.wait(30)
            except subprocess.TimeoutExpired:
                desk.kill_all()
