"""What a forked trader does: one action, and whatever the harness wants to go wrong inside it."""

import mmap
import os
import resource
import signal
import socket
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import DatabaseError, InterfaceError, transaction
from django.test import override_settings

from propbot import crashpoints
from propbot.config import values
from propbot.errors import RecordingFailedError, RefusedError
from tests.engine.conftest import build_runtime
from tests.engine.desk import Desk, Simulator
from tools.chaos.market import quote_left, quote_taken
from trading.models import Hedge
from trading.runtime.handle import TraderRuntime, install
from trading.services.closing import closing_continue, hedge_close
from trading.services.execution import hedge_open
from trading.services.recovery import hedges_settle, recover, resolve_sweep
from trading.services.transitions import LostRaceError

Job = dict[str, Any]
Struck = Callable[[], None]
SETTLE_SECONDS = 12.0
# A loaded machine may let the database cut a connection that stood idle for two seconds: the action is not done then.
IN_ORDER = (RefusedError, LostRaceError, RecordingFailedError, DatabaseError, InterfaceError)
OUT_OF_FILES, OUT_OF_DISK, OUT_OF_MEMORY = "nofile", "fsize", "memory"
STARVING = (OUT_OF_FILES, OUT_OF_DISK, OUT_OF_MEMORY)


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _stop_self(_: Job, struck: Struck) -> None:
    struck()
    os.kill(os.getpid(), signal.SIGSTOP)


def _term_self(_: Job, struck: Struck) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    struck()


def _fail_on_commit(_: Job, struck: Struck) -> None:
    """Inside a transaction: its commit is done when this raises."""

    def fail() -> None:
        struck()
        raise RefusedError("chaos", "raised inside on_commit", status=500)

    transaction.on_commit(fail)


def _bites(consume: Callable[[], object]) -> bool:
    """A limit that stops nobody is no fault."""
    try:
        consume()
    except (OSError, MemoryError):
        return True
    return False


def _venues_hang_up() -> None:
    """The venues close their connections, as servers do with idle ones: the next request needs a new socket."""
    port = urlsplit(os.environ["SIMULATOR_URL"]).port
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError, IndexError):  # gone meanwhile, listening, or without an address
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as connection:
                    if connection.getpeername()[1] == port:
                        connection.shutdown(socket.SHUT_RDWR)


def _starve_files(_: Job, struck: Struck) -> None:
    """No descriptor beyond those that are open."""
    _venues_hang_up()
    _limit(resource.RLIMIT_NOFILE, 3)
    if _bites(lambda: os.close(os.dup(2))):
        struck()


def _starve_disk(job: Job, struck: Struck) -> None:
    """Every write to a file of this process fails, as on a full disk; the database's disk is another subject (D)."""
    _limit(resource.RLIMIT_FSIZE, 0)
    if _bites(lambda: os.write(2, b"full")):
        struck()


def _starve_memory(_: Job, struck: Struck) -> None:
    """No address space beyond what is mapped."""
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, used)
    if _bites(lambda: mmap.mmap(-1, 1 << 20).close()):
        struck()


def _cross(job: Job, struck: Struck) -> None:
    """Before the cancel leaves the market comes to the quote: the fill wins the race (B13)."""
    simulator = Simulator(None, os.environ["SIMULATOR_URL"])  # type: ignore[arg-type]
    if quote_taken(simulator, job["symbol"], job["first"]):
        struck()


ON_PASSAGE: dict[str, Callable[[Job, Struck], None]] = {
    "stop": _stop_self,
    "term": _term_self,
    "on_commit": _fail_on_commit,
    "cross": _cross,
    OUT_OF_FILES: _starve_files,
    OUT_OF_DISK: _starve_disk,
    OUT_OF_MEMORY: _starve_memory,
}


def hook(job: Job) -> None:
    """Do what the job says at the first passage of its place (``name`` or ``name:n``), in every module that knows
    crashpoint. A rename tells the harness that it struck: it needs neither a descriptor nor a byte of disk."""
    name, _, count = job["at"].partition(":")
    left, lock = [int(count or 1)], threading.Lock()
    armed, struck = f"{job['log']}.armed", f"{job['log']}.struck"
    os.close(os.open(armed, os.O_CREAT | os.O_WRONLY, 0o600))

    def passage(place: str) -> None:
        with lock:
            left[0] -= place == name
            mine = place == name and left[0] == 0
        if mine:
            ON_PASSAGE[job["do"]](job, lambda: os.rename(armed, struck))  # noqa: PTH104 - allocates nothing
        crashpoints.crashpoint(place)

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


def _open(desk: Desk, job: Job) -> None:
    plan = desk.plan(job["symbol"], notional=job["notional"], first=job["first"], post_only=job.get("post_only", False))
    if plan.post_only:
        quote_left(desk.simulator, job["symbol"], job["first"])
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
    """A process whose connections were cut while it stood still, or that lacks files, disk or memory, may fail as it
    likes: what is judged is what it leaves behind."""
    return (OSError, MemoryError, RuntimeError) if job.get("do") in ("stop", *STARVING) else ()


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
            hook(job)
        _await_start(job.get("start_at"))
        try:
            _act(runtime, job)
        except (*IN_ORDER, *_starved(job)) as error:
            sys.stderr.write(f"ended in order: {error}\n")
        except BaseException:  # noqa: BLE001 - the log is where the harness reads what no one expected
            traceback.print_exc()
            return 3
        return 0
