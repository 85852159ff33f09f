"""One minute of the soak: trade, one fault, back to health, the judge, and the operators bring the desk back."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from propbot.console.desk_client import DeskError
from propbot.supervisor import probe
from tools.soak import memory
from tools.soak.faults import FaultKind, bag
from tools.soak.judge import Judge, lasting
from tools.soak.operators import Operators, PatienceError

MINUTE = 60.0
RUN_SECONDS = 120.0
ORDER_SECONDS = 90.0
BACK_SECONDS = 120.0
SETTLED_SECONDS = 90.0
CALM_SECONDS = 10.0
BETWEEN_SECONDS = (2.0, 8.0)
POLL_SECONDS = 0.5
NOBODY = "nothing yet"


@dataclass(frozen=True)
class Violation:
    """``fault`` is the one that had struck last."""

    at: str
    fault: str
    sentence: str


@dataclass
class Tale:
    """What happened so far."""

    violations: list[Violation] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    back_seconds: dict[str, list[float]] = field(default_factory=dict)
    orders: int = 0
    trading_rounds: int = 0
    by_hand: int = 0
    counted: dict[str, tuple[int, str]] = field(default_factory=dict)


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Rounds:
    """``supervisor`` is the process id of the desk's parent."""

    def __init__(
        self, *, supervisor: int, operators: Operators, judge: Judge, seed: int, say: Callable[[str], object]
    ) -> None:
        self.supervisor, self.operators, self.judge, self.say = supervisor, operators, judge, say
        # Two: what is drawn between the faults depends on the clock, their order must not.
        self.chance = Random(f"{seed}/soak")  # noqa: S311 - a repeatable choice, no secret
        self.kinds = bag(Random(f"{seed}/faults"))  # noqa: S311
        self.tale = Tale()
        self.told: set[str] = set()

    # -- what a fault may lay hands on

    def pid_of(self, role: str) -> int:
        until = time.monotonic() + BACK_SECONDS
        while (pid := memory.roles(self.supervisor).get(role)) is None:
            if time.monotonic() > until:
                raise PatienceError(f"there is no {role} process")
            time.sleep(POLL_SECONDS)
        return pid

    def simulator_fault(self, body: dict[str, Any]) -> None:
        self.operators.simulator("/control/faults", "POST", body)

    def hold(self) -> None:
        self.operators.hold()

    # -- telling

    def _violated(self, sentence: str) -> None:
        if sentence in self.told:
            return
        self.told.add(sentence)
        fault = self.tale.struck[-1] if self.tale.struck else NOBODY
        self.tale.violations.append(Violation(now_text(), fault, sentence))
        self.say(f"{now_text()} VIOLATION after {fault}: {sentence}")

    def _expect(self, what: str, holds: Callable[[], bool], seconds: float) -> float:
        """Seconds that it took; when it took too long, a violation."""
        began, last = time.monotonic(), ""
        while time.monotonic() - began < seconds:
            try:
                if holds():
                    return time.monotonic() - began
            except (DeskError, httpx.HTTPError) as error:
                last = f": {str(error)[:200]}"
            time.sleep(POLL_SECONDS)
        self._violated(f"{what}: not within {seconds:g} s{last}")
        return seconds

    # -- the minute

    def run(self, minutes: float) -> Tale:
        """The first fault strikes after the first minute; one that is late pushes none of the others."""
        began = time.monotonic()
        for number in itertools.count(1):
            self._trade(until=began + number * MINUTE)
            self._round(next(self.kinds))
            if time.monotonic() - began >= minutes * MINUTE:
                return self.tale
        raise AssertionError("the minutes end")

    def _round(self, kind: FaultKind) -> None:
        struck_at = time.monotonic()
        try:
            self.tale.struck.append(f"{now_text()} {kind.strike(self, self.chance)}")
            self.say(self.tale.struck[-1])
        except (DeskError, httpx.HTTPError, PatienceError, ProcessLookupError) as error:
            self._violated(f"{kind.name} could not strike: {error}")
            return
        self.calm(struck_at)
        self._expect("healthy again", self._healthy, BACK_SECONDS)
        back = time.monotonic() - struck_at
        self.tale.back_seconds.setdefault(kind.name, []).append(back)
        self._judge()
        self.say(f"{now_text()}   healthy after {back:.0f} s, judged after {time.monotonic() - struck_at:.0f} s")

    def _trade(self, *, until: float) -> None:
        """Back to RUN, and business as usual until the next fault is due, or longer where nothing was traded yet."""
        try:
            self.operators.bring_to_run(RUN_SECONDS)
        except PatienceError as error:
            self._violated(str(error))
        before = self._orders()
        while time.monotonic() < until:
            self._by_hand()
            time.sleep(self.chance.uniform(*BETWEEN_SECONDS))
            self.operators.close_one(self.chance)
        seconds = self._expect("the desk trades", lambda: self._by_hand() or self._orders() > before, ORDER_SECONDS)
        self.tale.trading_rounds += seconds < ORDER_SECONDS
        self.tale.orders = self._orders()

    def _by_hand(self) -> bool:
        opened = self.operators.open_best()
        self.tale.by_hand += opened
        return opened

    def _orders(self) -> int:
        try:
            return len(self.operators.simulator("/control/orders")["orders"])
        except httpx.HTTPError:
            return self.tale.orders

    def calm(self, struck_at: float) -> None:
        """A venue's fault has its ten seconds, then it is over."""
        time.sleep(max(0.0, CALM_SECONDS - (time.monotonic() - struck_at)))

        def calmed() -> bool:
            self.operators.simulator("/control/faults", "DELETE")
            return True

        self._expect("the venues are themselves again", calmed, BACK_SECONDS)

    def _healthy(self) -> bool:
        return probe.health_trouble(str(self.operators.accounts["base_url"])) is None

    def _judge(self) -> None:
        known = frozenset(self.told)
        for sentence in lasting(self.judge.look, seconds=SETTLED_SECONDS, known=known):
            self._violated(sentence)


def log_to(path: Path) -> Callable[[str], object]:
    """Say it on the terminal and keep it."""

    def say(text: str) -> None:
        print(text, flush=True)  # noqa: T201 - a tool's own output
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    return say
