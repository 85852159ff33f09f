"""Group holds: HOLD against send, a trader stopped before the wire, a process frozen inside a transaction."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

from propbot.errors import RefusedError
from tools.chaos.results import LATE, RACES, RACES_PER_CASE, CaseRun, Ledger
from tools.chaos.stand import Stand

GROUP = "holds"
FROZEN = "frozen in a transaction"
STOP_POINTS = ("pre_send", "pre_send:2")
EXPIRY_SECONDS = 2.2
MARKER_SECONDS = 20.0


class Holds:
    def __init__(self, stand: Stand, base_seed: int, ledger: Ledger) -> None:
        self.stand, self.base_seed, self.ledger = stand, base_seed, ledger
        self.answers: list[float] = []

    def _longest(self, name: str, seconds: float) -> None:
        self.ledger.figures[name] = max(self.ledger.figures.get(name, 0), round(seconds, 4))

    def plan(self, races: int, *, quick: bool) -> Iterator[Callable[[], CaseRun]]:
        """One of each first, then the races, then the rest: a run that is cut short has seen all."""
        points, freezes = (STOP_POINTS[:1], 1) if quick else (STOP_POINTS, 10)
        standing = [one for seed in range(1, freezes + 1) for one in self._standing(seed, points)]
        yield from standing[: len(STOP_POINTS) + 1]
        for seed in self.ledger.seeds(GROUP, RACES, max(1, races // RACES_PER_CASE)):
            yield partial(self._race, seed)
        yield from standing[len(STOP_POINTS) + 1 :]

    def _standing(self, seed: int, points: Sequence[str]) -> Iterator[Callable[[], CaseRun]]:
        """What of this seed is this part's, and not done yet."""
        for point in points:
            if seed in self.ledger.seeds(GROUP, f"SIGSTOP at {point}", seed):
                yield partial(self._stopped, point, seed)
        if seed in self.ledger.seeds(GROUP, FROZEN, seed):
            yield partial(self._frozen, seed)

    # -- HOLD against send -----------------------------------------------------------------------------------

    def _race(self, seed: int) -> CaseRun:
        chance = Random(f"{self.base_seed}/race/{seed}")  # noqa: S311 - a repeatable choice, no secret
        self.stand.begin()
        late: list[str] = []
        for _ in range(RACES_PER_CASE):
            late += self._once(chance)
        ordered = sorted(self.answers)
        self._longest("hold_race_p50_seconds", ordered[len(ordered) // 2])
        self._longest("hold_race_p99_seconds", ordered[int(len(ordered) * 0.99)])
        found = [f"{LATE}: {one}" for one in late]
        return CaseRun(GROUP, RACES, seed, True, tuple(found + self.stand.violations()))

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
        until = time.monotonic() + MARKER_SECONDS
        while not _is_stopped(pid) and time.monotonic() < until:
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
        self._longest("frozen_seconds", took)
        self.stand.holds.append((held.at, frozenset(held.in_flight or [])))
        found = [f"HOLD took {took:.2f} s"] if took > 3 else []
        self._wake(pid)
        found += self.stand.settle()
        return CaseRun(GROUP, FROZEN, seed, struck, tuple(found + self.stand.violations()))


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
