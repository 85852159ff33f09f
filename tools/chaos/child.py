"""What a forked trader does: one action, and whatever the harness wants to go wrong inside it."""

import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.test import override_settings

from propbot import crashpoints
from propbot.config import values
from propbot.errors import RecordingFailedError, RefusedError
from tests.engine.conftest import build_runtime
from tests.engine.desk import LONG, SHORT, Desk, Simulator
from trading.models import Hedge
from trading.runtime.handle import TraderRuntime, install
from trading.services.closing import closing_continue, hedge_close
from trading.services.execution import hedge_open
from trading.services.recovery import hedges_settle, recover, resolve_sweep
from trading.services.transitions import LostRaceError

Job = dict[str, Any]
SETTLE_SECONDS = 12.0
# A loaded machine may let the database cut a connection that stood idle for two seconds: the action is not done then.
IN_ORDER = (RefusedError, LostRaceError, RecordingFailedError, DatabaseError, InterfaceError)
OUT_OF_FILES, OUT_OF_DISK, OUT_OF_MEMORY = "nofile", "fsize", "memory"


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _stop_self() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _term_self() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _fail_on_commit() -> None:
    from django.db import transaction

    def fail() -> None:
        raise RefusedError("chaos", "raised inside on_commit", status=500)

    transaction.on_commit(fail)


def _starve_memory() -> None:
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    _limit(resource.RLIMIT_AS, used + (1 << 20))


ON_PASSAGE: dict[str, Callable[[], None]] = {
    "stop": _stop_self,
    "term": _term_self,
    "on_commit": _fail_on_commit,
    OUT_OF_FILES: lambda: _limit(resource.RLIMIT_NOFILE, 3),
    OUT_OF_DISK: lambda: _limit(resource.RLIMIT_FSIZE, 0),
    OUT_OF_MEMORY: _starve_memory,
}


def hook(at: str, do: Callable[[], None], marker: str) -> None:
    """Call ``do`` at the first passage of ``at`` (``name`` or ``name:n``), in every module that knows crashpoint."""
    name, _, count = at.partition(":")
    left = [int(count or 1)]

    def passage(place: str) -> None:
        if place != name:
            return
        left[0] -= 1
        if left[0] == 0:
            os.close(os.open(marker, os.O_CREAT | os.O_WRONLY, 0o600))
            do()

    for module in list(sys.modules.values()):
        if getattr(module, "crashpoint", None) is crashpoints.crashpoint and module is not crashpoints:
            module.crashpoint = passage  # type: ignore[attr-defined]


def _settle(runtime: TraderRuntime) -> None:
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until:
        resolve_sweep(runtime=runtime)
        hedges_settle(runtime=runtime)
        closing_continue()
        if not Hedge.objects.filter(status__in=["opening", "unresolved", "closing"]).exists():
            return
        time.sleep(0.02)


def _cross(job: Job) -> None:
    """Let the market come to a resting quote about when it is canceled: in some seeds the fill wins."""
    desk = Simulator(None, os.environ["SIMULATOR_URL"])  # type: ignore[arg-type]
    venue = LONG if job["first"] == "long" else SHORT
    bps = "-40" if job["first"] == "long" else "40"
    body = {"venue": venue, "symbol": job["symbol"], "bps": bps, "seconds": 2}
    threading.Timer(job["cross_after"], lambda: desk.ask("/control/dislocate", "POST", body)).start()


def _open(desk: Desk, job: Job) -> None:
    if job.get("cross_after"):
        _cross(job)
    plan = desk.plan(job["symbol"], notional=job["notional"], first=job["first"], post_only=job.get("post_only", False))
    hedge_open(plan=plan, attempt=None)


def _act(runtime: TraderRuntime, job: Job) -> None:
    desk = Desk(runtime, Simulator(None, os.environ["SIMULATOR_URL"]))  # type: ignore[arg-type]
    if job["action"] == "open":
        _open(desk, job)
    elif job["action"] == "close":
        hedge_close(hedge_id=Hedge.objects.latest("created_at").pk, reason="operator")
    else:
        runtime.recovered = False
        recover(runtime=runtime)
        _settle(runtime)


def _await_start(moment: float | None) -> None:
    """Two children that got the same moment start together."""
    if moment is not None:
        time.sleep(max(0.0, moment - time.time()))


def _starved(job: Job) -> tuple[type[BaseException], ...]:
    """A process whose connection was cut while it stood still, or that lacks files, disk or memory, may fail as it
    likes: what is judged is what it leaves behind."""
    return (OSError, MemoryError, RuntimeError) if job.get("do") else ()


def perform(job: Job) -> int:
    """0: done or refused in order; 3: something unexpected, told in the log."""
    if job.get("crash_at"):
        os.environ["PROPBOT_CRASH_AT"] = job["crash_at"]
    chosen = values().replace(**job.get("settings", {}))
    with override_settings(PROPBOT=chosen):
        if job["action"] == "trade":
            from tools.chaos.trader import trade

            return trade(job)
        runtime = build_runtime()
        install(runtime)
        runtime.epoch, runtime.recovered = int(job["epoch"]), True
        if job.get("do") == "term":
            signal.signal(signal.SIGTERM, lambda *_: setattr(runtime, "draining", True))
        if job.get("do"):
            hook(job["at"], ON_PASSAGE[job["do"]], job["log"] + ".struck")
        _await_start(job.get("start_at"))
        try:
            _act(runtime, job)
        except (*IN_ORDER, *_starved(job)) as error:
            sys.stderr.write(f"ended in order: {error}\n")
        except BaseException:  # noqa: BLE001 - the log is where the harness reads what no one expected
            traceback.print_exc()
            return 3
        return 0
