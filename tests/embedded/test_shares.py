"""A desk with two stream processes and two workers of one queue: who is missing is named, and work goes on.

The tests share one desk and run in order.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from propbot.supervisor import probe
from propbot.supervisor.commands import process_commands
from propbot.supervisor.plan import PlanError, read_plan, role_of
from tests.acceptance.desk import wait_for
from tests.embedded.running import RunningDesk, environment_of, fresh_port, processes_of, start
from tests.house.source import ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    place = tmp_path_factory.mktemp("shares")
    place.chmod(0o755)
    running = start(place / "data", fresh_port(), STREAM_SHARDS="2", OPS_WORKERS="2")
    running.wait_healthy()
    yield running
    running.kill_all()


def pids_of(desk: RunningDesk, role: str) -> list[int]:
    return sorted(pid for pid in processes_of(desk.data_dir) if environment_of(pid).get("PROCESS") == role)


def failing(desk: RunningDesk) -> list[str]:
    status, body = probe.http_json(f"http://127.0.0.1:{desk.port}/healthz", timeout=10)
    return [] if status == 200 else list(body.get("failing", ["web"]))


def test_each_process_of_a_role_has_a_name_and_a_log_of_its_own() -> None:
    commands = process_commands(read_plan({"STREAM_SHARDS": "3", "OPS_WORKERS": "2"}, ROOT))
    assert [name for name in commands if role_of(name) == "stream"] == ["stream", "stream-2", "stream-3"]
    assert [name for name in commands if role_of(name) == "worker"] == ["worker", "worker-2"]
    assert "worker-2@%h" in commands["worker-2"]
    assert set(process_commands(read_plan({}, ROOT))) == {"web", "trader", "worker", "beat", "stream", "flower"}


@pytest.mark.parametrize("text", ["0", "17", "two", "-1"])
def test_no_number_of_processes_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="OPS_WORKERS"):
        read_plan({"OPS_WORKERS": text}, ROOT)


def test_who_keeps_the_books_goes_after_who_trades_and_who_answers(desk: RunningDesk) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    nice = {
        role: os.getpriority(os.PRIO_PROCESS, pids_of(desk, role)[0]) - ours
        for role in ("web", "trader", "stream", "worker", "beat", "flower")
    }
    grouped = Path(f"/proc/{pids_of(desk, 'beat')[0]}/autogroup")
    assert not grouped.exists() or grouped.read_text().endswith("nice 5\n")
    assert nice == {"web": 0, "trader": 0, "stream": 0, "worker": 5, "beat": 5, "flower": 5}


def test_both_shares_and_both_workers_make_a_healthy_desk(desk: RunningDesk) -> None:
    assert failing(desk) == []
    assert len(pids_of(desk, "stream")) == 2
    command = [sys.executable, "-m", "celery", "-A", "propbot", "inspect", "active_queues", "--json", "--timeout", "10"]
    environ = environment_of(pids_of(desk, "worker")[0])
    asked = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=90)
    queues = json.loads(asked.stdout[asked.stdout.index("{") :])
    taking = {node.partition("@")[0] for node, rows in queues.items() if [row["name"] for row in rows] == ["ops"]}
    assert taking == {"worker", "worker-2"}


def test_a_frozen_share_is_named_and_comes_back(desk: RunningDesk) -> None:
    frozen = pids_of(desk, "stream")[0]
    os.kill(frozen, signal.SIGSTOP)
    try:
        named = wait_for("a share is named", lambda: failing(desk), bool, 60)
        assert named in (["stream 1/2"], ["stream 2/2"])
        components = desk.api.get("/api/ui/status/components")["components"]
        stream = next(row for row in components if row["id"] == "stream")
        assert stream["status"] == "ERROR"
        assert named[0].removeprefix("stream ") in stream["summary"]
    finally:
        os.kill(frozen, signal.SIGCONT)
    wait_for("whole again", lambda: failing(desk), lambda names: names == [], 60)


def test_a_killed_worker_leaves_the_queue_to_the_other(desk: RunningDesk) -> None:
    killed = pids_of(desk, "worker")[0]
    os.kill(killed, signal.SIGKILL)
    wait_for(
        "two workers again", lambda: pids_of(desk, "worker"), lambda pids: len(pids) == 2 and killed not in pids, 30
    )
    assert "worker" not in failing(desk)


def test_a_killed_stream_process_is_followed_by_another_in_its_share(desk: RunningDesk) -> None:
    killed = pids_of(desk, "stream")[0]
    os.kill(killed, signal.SIGKILL)
    wait_for(
        "two streams again", lambda: pids_of(desk, "stream"), lambda pids: len(pids) == 2 and killed not in pids, 60
    )
    wait_for("whole again", lambda: failing(desk), lambda names: names == [], 60)
