"""A whole desk whose services fail (RELIABILITY D2, D12, E1, E2, E11, G11): real PostgreSQL, real Valkey, own instances.

The tests stand in the order in which they run and share the desk: each leaves it whole.
"""

import base64
import json
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from propbot.supervisor.commands import worker
from tests.acceptance.desk import wait_for
from tests.embedded.running import open_place
from tests.faults.stand import Stand, stand

pytestmark = pytest.mark.timeout(240)
LONG = pytest.mark.skipif(not os.environ.get("FAULTS"), reason="takes up to a minute: make faults")
TAKEOVER_SECONDS = 15.0
READY_SECONDS = 60.0
LEASE = "SELECT epoch, holder, expires_at > clock_timestamp() FROM risk_traderlease WHERE id = 1"


@pytest.fixture(scope="module")
def ground() -> Iterator[Stand]:
    with open_place() as place, stand(place) as made:
        wait_for("two clean rounds", lambda: reconciled(made, (leads(made) or (0, ""))[0]), bool, READY_SECONDS)
        yield made


def hold(ground: Stand) -> tuple[float, Any]:
    began = time.monotonic()
    answer = ground.desk.api.call("POST", "/api/ui/hold", "alice", {"reason": "a fault"})
    return time.monotonic() - began, answer


def leads(ground: Stand) -> tuple[int, str] | None:
    """Epoch and holder of the trader whose lease runs."""
    epoch, holder, running = ground.postgres.ask(LEASE)[0]
    return (epoch, holder) if running else None


def holder_pid(found: tuple[int, str] | None) -> int:
    return int(found[1].split(":")[1]) if found else 0


def test_e1_e2_without_redis_the_desk_stops_on_request_and_comes_back_from_an_empty_one(ground: Stand) -> None:
    ground.valkey.stop()
    try:
        ground.wait_failing("redis")
        seconds, answer = hold(ground)
        assert answer.status_code == 200, answer.text
        assert answer.json()["hold_active"] is True
        assert seconds < 5
        unread = ground.desk.api.call("POST", "/api/arb/preview", "alice", {"symbol": "BTCUSDT"})
        assert (unread.status_code, unread.json()["error"]) == (400, "stale_quote")
        assert ground.desk.api.call("GET", "/api/ui/status/overview", "alice").status_code == 200
    finally:
        ground.valkey.start(empty=True)
    ground.wait_healthy()
    assert ground.desk.api.overview()["hold_active"] is True


@LONG
def test_e11_a_full_redis_says_no_and_loses_nothing(ground: Stand) -> None:
    client = ground.valkey.client
    try:
        client.config_set("maxmemory", 1)
        ground.wait_failing("stream", 60)
        seconds, answer = hold(ground)
        assert answer.status_code == 200
        assert seconds < 5
        assert client.info("stats")["evicted_keys"] == 0
    finally:
        client.config_set("maxmemory", 0)
    ground.wait_healthy()


def forged(task: str, content_type: str, body: bytes, headers: dict[str, Any] | None = None) -> str:
    """An envelope as kombu writes it, by somebody who can write to Redis."""
    properties = {
        "correlation_id": "forged",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "ops"},
        "delivery_tag": str(uuid4()),
        "body_encoding": "base64",
    }
    given = {"lang": "py", "task": task, "id": str(uuid4()), **(headers or {})}
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8" if "json" in content_type else "binary",
            "content-type": content_type,
            "headers": given,
            "properties": properties,
        }
    )


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_e12_what_an_attacker_writes_into_the_queue_runs_nothing(ground: Stand, tmp_path: Path) -> None:
    client, trap = ground.valkey.client, tmp_path / "sprung"
    pickled = pickle.dumps(((Trap(trap),), {}, {}))
    name = json.dumps([[str(uuid4())], {}, {}]).encode()
    before = {role: ground.pid_of(role) for role in ("worker", "trader")}
    for queue in ("ops", "trading"):
        client.lpush(queue, forged("upkeep.canary", "application/x-python-serialize", pickled))
        client.lpush(queue, forged("os.system", "application/json", name))
        client.lpush(queue, forged("trading.tasks.attempts.attempt_run", "application/json", name))
    pushed = ground.postgres.ask("SELECT clock_timestamp()")[0][0]

    def canaries() -> int:
        later = "SELECT count(*) FROM upkeep_heartbeat WHERE name IN ('queue:ops', 'queue:trading') AND beat_at > %s"
        return int(ground.postgres.ask(later, pushed)[0][0])

    wait_for("both queues go on", canaries, lambda count: count == 2, 60)
    wait_for(
        "the forged messages are gone", lambda: client.llen("ops") + client.llen("trading"), lambda left: left == 0, 30
    )
    assert not trap.exists()
    assert ground.postgres.ask("SELECT count(*) FROM trading_order")[0][0] == 0
    ground.wait_healthy()
    assert {role: ground.pid_of(role) for role in before} == before


def test_d12_with_every_connection_taken_hold_still_answers_within_a_second(ground: Stand) -> None:
    taken: list[psycopg.Connection[Any]] = []
    inside = ground.postgres.connect()
    try:
        refused = without_a_connection(ground, taken, inside)
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) > 0
        exhaust(ground, taken, inside)
        latencies = []
        for _ in range(5):
            seconds, answer = hold(ground)
            assert answer.status_code == 200, answer.text
            latencies.append(seconds)
        assert max(latencies) < 1.0
    finally:
        for connection in taken:
            connection.close()
        inside.close()
    ground.wait_healthy()


def without_a_connection(ground: Stand, taken: list[Any], inside: "psycopg.Connection[Any]") -> Any:
    """What a read answers then. Another process of the desk may let one go in between, which the web process takes."""
    for _ in range(10):
        exhaust(ground, taken, inside)
        answer = ground.desk.api.call("GET", "/api/ui/orders", "alice")
        if answer.status_code != 200:
            break
    return answer


def exhaust(ground: Stand, taken: list[Any], inside: "psycopg.Connection[Any]") -> None:
    """Take the web process' connections away, all but the reserved one, and leave it no other."""
    for _ in range(3):
        inside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'propbot-web'")
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(ground.postgres.connect())


def test_d2_a_stopped_database_is_named_and_after_its_return_the_desk_is_held_and_reconciled(ground: Stand) -> None:
    before = leads(ground)
    ground.postgres.stop()
    try:
        ground.wait_failing("database")
        refused = ground.desk.api.call("GET", "/api/ui/orders", "alice")
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) > 0
    finally:
        ground.postgres.start()
    assert ground.wait_healthy() < READY_SECONDS
    assert ground.desk.api.overview()["hold_active"] is True
    assert before is not None


def reconciled(ground: Stand, epoch: int) -> bool:
    rows = ground.postgres.ask(
        "SELECT count(*) FROM trading_reconciliationround WHERE clean AND trader_epoch = %s", epoch
    )
    return bool(rows[0][0] >= 2)


@LONG
def test_g11_a_standby_takes_over_from_a_frozen_trader_and_the_woken_one_sends_nothing(ground: Stand) -> None:
    first = leads(ground)
    assert first is not None
    standby = ground.second("trader", *worker("trading", "standby", 4)[5:])
    frozen = holder_pid(first)
    try:
        log = ground.desk.data_dir / "logs" / "second-trader.log"
        wait_for("the standby stands by", log.read_text, lambda text: "Canceling queue" in text, 60)
        assert leads(ground) == first
        os.kill(frozen, signal.SIGSTOP)
        began = time.monotonic()
        found = wait_for("a successor", lambda: leads(ground), lambda now: now not in (None, first), 30)
        assert time.monotonic() - began <= TAKEOVER_SECONDS
        assert found is not None
        assert holder_pid(found) == standby.pid
        sent = orders_of(ground, first[0])
        wait_for("reconciled", lambda: reconciled(ground, found[0]), bool, READY_SECONDS)
        os.kill(frozen, signal.SIGCONT)
        wait_for("it notices", lambda: lost(ground), bool, 20)
        assert orders_of(ground, first[0]) == sent
        assert leads(ground) == found
    finally:
        with suppress(ProcessLookupError):
            os.kill(frozen, signal.SIGCONT)
        standby.terminate()
        try:
            standby.wait(30)
        except subprocess.TimeoutExpired:
            standby.kill()
    assert ground.wait_healthy() < READY_SECONDS


def lost(ground: Stand) -> bool:
    return "lease_lost" in (ground.desk.data_dir / "logs" / "trader.log").read_text(errors="replace")


def orders_of(ground: Stand, epoch: int) -> int:
    return int(ground.postgres.ask("SELECT count(*) FROM trading_order WHERE trader_epoch = %s", epoch)[0][0])


@LONG
def test_a_killed_trader_is_reconciled_and_ready_within_a_minute(ground: Stand) -> None:
    before = leads(ground)
    assert before is not None
    began = time.monotonic()
    os.kill(holder_pid(before), signal.SIGKILL)
    found = wait_for("a new lease", lambda: leads(ground), lambda now: now not in (None, before), READY_SECONDS)
    assert found is not None
    wait_for("reconciled", lambda: reconciled(ground, found[0]), bool, READY_SECONDS)
    ground.wait_healthy()
    assert time.monotonic() - began <= READY_SECONDS


@LONG
@pytest.mark.parametrize("role", ["worker", "beat", "web"])
def test_e3_e7_who_hangs_is_started_again_with_an_alert(ground: Stand, role: str) -> None:
    hung = ground.pid_of(role)
    # The watchdog gives everybody a minute to start before it suspects anybody.
    wait_for("old enough", lambda: time.time() - Path(f"/proc/{hung}").stat().st_mtime, lambda age: age > 62, 70)
    os.kill(hung, signal.SIGSTOP)
    wait_for("started again", lambda: not Path(f"/proc/{hung}").exists(), bool, 90)
    ground.wait_healthy()
    statement = "SELECT count(*) FROM audit_opsalert WHERE kind = 'process_hung' AND text LIKE %s"
    wait_for("the alert", lambda: ground.postgres.ask(statement, f"{role} %")[0][0], lambda count: count >= 1, 30)
