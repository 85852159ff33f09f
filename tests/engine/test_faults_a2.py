"""A trader that is frozen, starved or sent away in the middle of a hedge (RELIABILITY A16 to A18), and A19."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from celery import current_app
from django.db import transaction

from propbot.clock import database_now
from risk.models import DeskState, TraderLease
from risk.services.hold import hold_engage
from risk.signals import desk_changed
from tests.addresses import database_url
from tests.engine.desk import ROOT, Desk, desk_running, wait_until
from tests.engine.nursery import Nursery
from tests.engine.oracle import violations
from tests.engine.test_crashes import restart
from tests.engine.test_faults import seen
from tests.environment import SECRETS
from trading.models import Hedge, HedgeAttempt, Order
from trading.services import attempts
from trading.services.kill_requests import cancel_attempt

ALL = bool(os.environ.get("CHAOS"))
# Longer than the venue's expiry and than the database lets a transaction idle: nothing of it may be believed after.
FROZEN_SECONDS = 2.6
DRAIN_DEADLINE_SECONDS = 3 + 5 + 5


def serve(desk: Desk, data_dir: Path, point: str) -> subprocess.Popen[str]:
    environment = {
        **SECRETS,
        "PATH": os.environ["PATH"],
        "PROFILE": "simulator",
        "DRY_RUN_ONLY": "false",
        "SIMULATOR_URL": desk.simulator.url,
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": database_url(),
        "REDIS_URL": os.environ["REDIS_URL"],
        "ORPHAN_MAX_SEC": "3",
        "RELIABILITY_TIME_DIVISOR": "50",
        "MAX_QUOTE_AGE_MS": "10000",
    }
    command, pipe = [sys.executable, "-m", "tests.engine.faulty_child", point], subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def end(child: subprocess.Popen[str], seconds: float = 60) -> str:
    """What it said until its end; one that hangs is killed, as the system's own killer would do."""
    try:
        said, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        said, _ = child.communicate()
    return said


@dataclass
class Harm:
    """Runs traders that open once and are harmed at a crash point."""

    nursery: Nursery
    data_dir: Path

    def __call__(self, point: str, harm: str) -> int:
        """The pid of the trader that has begun."""
        log = str(self.data_dir / "child.log")
        return self.nursery.start({"at": point, "harm": harm, "epoch": 1, "data_dir": str(self.data_dir), "log": log})

    def end(self, pid: int, seconds: float = 60) -> int | None:
        """Its exit code; one that hangs is killed, as the system's own killer would do."""
        return self.nursery.wait(pid, seconds)


@pytest.fixture
def harm(nursery: Nursery, tmp_path: Path) -> Harm:
    return Harm(nursery, tmp_path)


def frozen(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return state == "T"


def pause() -> None:
    """The pause is the fault itself: until it has lasted as long as it must."""
    began = time.monotonic()
    assert wait_until(lambda: time.monotonic() - began >= FROZEN_SECONDS, FROZEN_SECONDS + 1)


def settled(desk: Desk, epoch: int) -> None:
    restart(desk, epoch=epoch)
    assert desk.net() == 0
    assert violations(seen(desk)) == []


@pytest.mark.parametrize("point", ["post_gate", "pre_send"])
def test_a16_a_trader_frozen_before_the_wire_sends_nothing_once_it_has_a_successor(
    desk: Desk, harm: Harm, point: str
) -> None:
    child = harm(point, "freeze")
    assert wait_until(lambda: frozen(child), 30)
    pause()
    desk_running(epoch=2)
    os.kill(child, signal.SIGCONT)
    harm.end(child)
    assert desk.simulator.accepted() == []
    assert desk.flat()
    settled(desk, 3)
    assert Hedge.objects.get().status == "failed"


def test_a16_an_order_that_expired_in_the_pause_is_denied_by_the_sender_itself(desk: Desk, harm: Harm) -> None:
    child = harm("pre_send", "freeze")
    assert wait_until(lambda: frozen(child), 30)
    pause()
    os.kill(child, signal.SIGCONT)
    harm.end(child)
    assert desk.simulator.accepted() == []
    assert set(Order.objects.values_list("status", "outcome_code")) == {("denied", "expired_before_send")}
    settled(desk, 2)


@pytest.mark.parametrize("point", ["post_journal", "post_response", *(["pre_send", "leg_b_sent"] if ALL else [])])
def test_a17_sigterm_in_a_hedge_finishes_it_and_leaves_in_time(desk: Desk, tmp_path: Path, point: str) -> None:
    child = serve(desk, tmp_path, point)
    assert child.stdout is not None
    assert child.stdin is not None
    # Its logs come on the same stream.
    said: list[str] = next((line.split() for line in child.stdout if line.startswith("epoch ")), [])
    assert said, child.communicate()[1][-3000:]
    # As a resume by two operators leaves it: the file first, or the trader finds it and holds the desk again.
    (tmp_path / "HOLD").unlink(missing_ok=True)
    desk_running(epoch=int(said[1]))
    child.stdin.write("go\n")
    child.stdin.flush()
    began = time.monotonic()
    told = end(child, 40)
    assert "left" in told, told[-3000:]
    assert Hedge.objects.exists(), told[-3000:]
    assert time.monotonic() - began < DRAIN_DEADLINE_SECONDS
    assert child.returncode == 0
    assert Hedge.objects.get().status in ("open", "failed")
    assert TraderLease.objects.filter(pk=1, expires_at__lte=database_now()).exists()
    settled(desk, int(said[1]) + 1)


STARVED = [("post_journal", "disk"), ("leg_a_filled", "files"), ("leg_a_filled", "memory")]
STARVED_ALL = [
    (point, harm)
    for point in ("pre_journal", "post_journal", "post_response", "leg_a_filled", "leg_b_sent")
    for harm in ("files", "memory", "disk")
]


@pytest.mark.parametrize(("point", "lack"), STARVED_ALL if ALL else STARVED)
def test_a18_a_trader_that_runs_out_of_something_leaves_what_a_crash_leaves(
    desk: Desk, harm: Harm, point: str, lack: str
) -> None:
    harm.end(harm(point, lack), 15)
    journaled = Hedge.objects.count()
    assert journaled == Order.objects.values("hedge").distinct().count()
    settled(desk, 2)


def test_a19_a_message_that_could_not_be_sent_after_the_commit_is_made_up_for_by_the_sweep(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the broker's library broke")

    person: dict[str, Any] = {"decided_by_name": "bob", "decided_by_id": uuid4(), "decided_channel": "web"}
    approval = SimpleNamespace(pk=uuid4(), action="cancel_all", **person)
    with monkeypatch.context() as patch, transaction.atomic():
        patch.setattr(current_app, "send_task", broken)
        attempt = cancel_attempt(cast(Any, approval))
    assert HedgeAttempt.objects.get(pk=attempt.pk).status == "requested"
    monkeypatch.setattr(attempts, "LOST_AFTER", -attempts.LOST_AFTER)
    assert attempts.attempt_sweep()["lost"] == 1
    assert HedgeAttempt.objects.get(pk=attempt.pk).status == "done"


def test_a19_a_listener_that_fails_does_not_keep_the_desk_from_stopping(desk: Desk) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a listener broke")

    desk_changed.connect(broken)
    try:
        hold_engage(reason="a listener is broken", source="test")
    finally:
        desk_changed.disconnect(broken)
    assert DeskState.objects.get(pk=1).hold_active
