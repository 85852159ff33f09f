"""Group holds: HOLD against send, a trader stopped before the wire, a process frozen inside a transaction."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

from propbot.errors import RefusedError
from tools.chaos.results import CaseRun
from tools.chaos.stand import Stand

GROUP = "holds"
RACES_PER_CASE = 20
STOP_POINTS = ("pre_send", "pre_send:2")
EXPIRY_SECONDS = 2.2
MARKER_SECONDS = 20.0


class Holds:
    def __init__(self, stand: Stand, base_seed: int) -> None:
        self.stand, self.base_seed = stand, base_seed
        self.races = self.late = 0
        self.named = 0
        self.frozen_seconds = 0.0
        self.answers: list[float] = []

    def figures(self) -> dict[str, float]:
        found: dict[str, float] = {"races": self.races, "late_orders": self.late, "races_named": self.named}
        if self.frozen_seconds:
            found["frozen_seconds"] = round(self.frozen_seconds, 3)
        if self.answers:
            ordered = sorted(self.answers)
            found["hold_race_p50_seconds"] = round(ordered[len(ordered) // 2], 4)
            found["hold_race_p99_seconds"] = round(ordered[int(len(ordered) * 0.99)], 4)
        return found

    def plan(self, races: int, *, quick: bool) -> Iterator[Callable[[], CaseRun]]:
        """One of each first, then the races, then the rest: a run that is cut short has seen all."""
        freezes = 1 if quick else 10
        yield from self._standing(1)
        for seed in range(1, max(1, races // RACES_PER_CASE) + 1):
            yield partial(self._race, seed)
        for seed in range(2, freezes + 1):
            yield from self._standing(seed)

    def _standing(self, seed: int) -> Iterator[Callable[[], CaseRun]]:
        for point in STOP_POINTS:
            yield partial(self._stopped, point, seed)
        yield partial(self._frozen, seed)

    # -- HOLD against send -----------------------------------------------------------------------------------

    def _race(self, seed: int) -> CaseRun:
        chance = Random(f"{self.base_seed}/race/{seed}")  # noqa: S311 - a repeatable choice, no secret
        self.stand.begin()
        late: list[str] = []
        for _ in range(RACES_PER_CASE):
            late += self._once(chance)
        self.late += len(late)
        found = [f"accepted after HOLD had answered: {one}" for one in late]
        return CaseRun(GROUP, f"{RACES_PER_CASE} races of HOLD", seed, True, tuple(found + self.stand.violations()))

    def _once(self, chance: Random) -> list[str]:
        from risk.services.hold import hold_engage

        plan = self.stand.desk.plan(chance.choice(("ETHUSDT", "BTCUSDT")), notional="300")
        opener = threading.Thread(target=_open, args=(plan,))
        opener.start()
        time.sleep(chance.uniform(0, 0.15))
        began = time.monotonic()
        held = hold_engage(reason="race", source="chaos")
        self.answers.append(time.monotonic() - began)
        opener.join(30)
        named = frozenset(held.in_flight or [])
        self.races += 1
        self.named += len(named)
        late = self._after(held.at, named)
        self._release()
        return late

    def _after(self, answered: object, named: frozenset[str]) -> list[str]:
        """Opening orders that arrived after the HOLD was committed, and that its answer did not name."""
        from tests.engine.oracle import received_at

        return [
            order["client_order_id"]
            for order in self.stand.seen().accepted()
            if not order["reduce_only"]
            and order["client_order_id"] not in named
            and received_at(order) > answered + timedelta(milliseconds=1)  # type: ignore[operator]
        ]

    def _release(self) -> None:
        from risk import hold_file
        from tests.engine.desk import desk_running
        from trading.services.closing import close_all

        close_all(reason="next race")
        self.stand.settle()
        hold_file.path().unlink(missing_ok=True)
        desk_running(epoch=1)
        self.stand.before |= frozenset(self.stand._ids())

    # -- frozen processes ------------------------------------------------------------------------------------

    def _freeze(self, point: str) -> int:
        """A trader that stops itself at ``point``; its process id once it stands still."""
        first = {"symbol": "BTCUSDT", "notional": "900", "first": "long"}
        pid = self.stand.zygote.start(self.stand.job("open", at=point, do="stop", **first))
        marker, until = Path(f"{self.stand.log}.struck"), time.monotonic() + MARKER_SECONDS
        while not (marker.exists() and _is_stopped(pid)) and time.monotonic() < until:
            time.sleep(0.01)
        return pid

    def _wake(self, pid: int) -> int | None:
        os.kill(pid, signal.SIGCONT)
        return self.stand.zygote.wait(pid, 20)

    def _stopped(self, point: str, seed: int) -> CaseRun:
        """SIGSTOP between the last check and the wire; the successor starts; the sleeper wakes."""
        from risk.services.hold import hold_engage

        chance = Random(f"{self.base_seed}/stop/{point}/{seed}")  # noqa: S311
        self.stand.begin()
        pid = self._freeze(point)
        struck = _is_stopped(pid)
        held = hold_engage(reason="successor", source="chaos")
        time.sleep(EXPIRY_SECONDS)  # the lease of a stopped trader lasts longer than its orders: 10 s against 2 s
        found = self.stand.restart(epoch=2)
        before = self.stand.accepted()
        time.sleep(chance.uniform(0, 0.3))
        code = self._wake(pid)
        found += [] if code == 0 else [f"the woken trader ended with {code}"]
        if self.stand.accepted() != before:
            found.append("an order of the woken trader was accepted")
        found += self.stand.settle()
        self.stand.holds.append((held.at, frozenset(held.in_flight or [])))
        return CaseRun(GROUP, f"SIGSTOP at {point}", seed, struck, tuple(found + self.stand.violations()))

    def _frozen(self, seed: int) -> CaseRun:
        """A process that stands still inside a transaction, with the desk's lock: HOLD answers within 3 s."""
        from risk.services.hold import hold_engage

        self.stand.begin()
        pid = self._freeze("post_gate")
        struck = _is_stopped(pid)
        began = time.monotonic()
        held = hold_engage(reason="frozen", source="chaos")
        took = time.monotonic() - began
        self.frozen_seconds = max(self.frozen_seconds, took)
        self.stand.holds.append((held.at, frozenset(held.in_flight or [])))
        found = [f"HOLD took {took:.2f} s"] if took > 3 else []
        self._wake(pid)
        found += self.stand.settle()
        return CaseRun(GROUP, "frozen in a transaction", seed, struck, tuple(found + self.stand.violations()))


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def _open(plan: object) -> None:
    from django.db import connection

    from trading.services.execution import hedge_open

    try:
        hedge_open(plan=plan, attempt=None)  # type: ignore[arg-type]
    except RefusedError:
        pass  # HOLD was first
    finally:
        connection.close()
