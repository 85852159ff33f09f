"""A whole trader in a forked process: lease, recovery, watching threads, and a load of hedges opened and closed."""

import os
import signal
import threading
import time
from random import Random
from typing import Any

from django.db import DatabaseError, connection

from propbot.errors import RecordingFailedError, RefusedError
from risk.services import lease
from tests.engine.desk import Desk, Simulator
from tools.chaos.ground import DIVISOR, SYMBOLS
from trading.models import Hedge
from trading.runtime import worker as runtime_worker
from trading.runtime.handle import TraderRuntime
from trading.services.closing import hedge_close
from trading.services.execution import hedge_open
from trading.services.transitions import LostRaceError
from trading.sizing import BelowMinimumError
from trading.venues.base import VenueError

LOAD_THREADS = 3
FULL = 4
IN_ORDER = (RefusedError, LostRaceError, VenueError, DatabaseError, RecordingFailedError, BelowMinimumError, OSError)
Job = dict[str, Any]


def _shorten() -> None:
    """The lease of 10 s, divided by five: a loaded machine must still manage to renew it."""
    divisor = DIVISOR / 2
    lease.LEASE_SECONDS = 10 / divisor  # type: ignore[assignment]
    runtime_worker.LEASE_SECONDS = 10 / divisor  # type: ignore[attr-defined]
    runtime_worker.RENEW_SECONDS = 3 / divisor  # type: ignore[attr-defined]
    runtime_worker.STEP_SECONDS = 1 / DIVISOR


def _one_move(desk: Desk, chance: Random) -> None:
    held = list(Hedge.objects.filter(status="open").values_list("pk", flat=True))
    if held and (len(held) >= FULL or chance.random() < 0.4):
        hedge_close(hedge_id=chance.choice(held), reason="operator")
        return
    words = {"notional": str(chance.choice((300, 900, 2000))), "first": chance.choice(("long", "short"))}
    hedge_open(plan=desk.plan(chance.choice(SYMBOLS), post_only=chance.random() < 0.1, **words), attempt=None)


def _load(runtime: TraderRuntime, chance: Random) -> None:
    desk = Desk(runtime, Simulator(None, os.environ["SIMULATOR_URL"]))  # type: ignore[arg-type]
    while True:
        try:
            if not runtime.standby and runtime.recovered:
                _one_move(desk, chance)
        except IN_ORDER:
            connection.close_if_unusable_or_obsolete()
        time.sleep(0.02)


def trade(job: Job) -> int:
    """Until SIGTERM, or the harness' SIGKILL."""
    _shorten()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker = runtime_worker.TraderWorker(runtime_worker.runtime_build())
    worker.start()
    for number in range(LOAD_THREADS):
        chance = Random(f"{job['seed']}/{number}")  # noqa: S311
        threading.Thread(target=_load, args=(worker.runtime, chance), daemon=True).start()
    ended.wait()
    worker.stop()
    return 0
