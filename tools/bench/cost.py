"""What one execute costs the trader, with an empty and with a long history in the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from propbot.clock import utc_now
from risk.services.governor import governor_sample
from tools.bench.engine import EPOCH, engine, execute, forget_open, quotes_fresh, reconcile_clean
from tools.bench.ground import SYMBOLS, Control, median
from tools.bench.history import grow_to
from tools.bench.phases import PHASES, phases
from tools.reports import Result, at_most, measured
from trading.runtime.handle import TraderRuntime
from trading.services.edge_take import decision_prepare

LEVELS = (0, 1_000, 100_000)
QUICK_LEVELS = (0, 10_000)
REPETITIONS = 12
WARM_UP = 3
GAP_SECONDS = 2.1  # thirty real hedges a minute throttle the strategy


@dataclass
class Cost:
    """Milliseconds of this process, and statements, of one execute."""

    cpu_ms: float
    wall_ms: float
    statements: dict[str, int]


def _once(runtime: TraderRuntime, control: Control, number: int) -> Cost:
    quotes_fresh(runtime)
    decision_prepare(epoch=EPOCH, now=utc_now())  # as the trader's governor does twice a second
    with phases() as seen:
        cpu, wall = time.process_time(), time.monotonic()
        answer = execute(SYMBOLS[number % len(SYMBOLS)])
        cost = Cost((time.process_time() - cpu) * 1000, (time.monotonic() - wall) * 1000, seen.counts)
    if answer.result != "opened":
        raise RuntimeError(f"execute answered {answer.result} {answer.reason}: {answer.body}")
    forget_open()
    control.flatten()
    return cost


def costs(runtime: TraderRuntime, control: Control, repetitions: int) -> list[Cost]:
    found = []
    for number in range(-WARM_UP, repetitions):
        started = time.monotonic()
        cost = _once(runtime, control, number)
        if number >= 0:
            found.append(cost)
        time.sleep(max(0.0, GAP_SECONDS - (time.monotonic() - started)))
    return found


def _medians(level: int, found: list[Cost]) -> list[Result]:
    label = f"execute with {level:,} closed hedges"
    return [
        measured(f"{label}: CPU of the trader, median", median([one.cpu_ms for one in found]), "ms"),
        measured(f"{label}: wall, median", median([one.wall_ms for one in found]), "ms"),
        measured(f"{label}: statements, median", median([sum(one.statements.values()) for one in found]), "statements"),
        *(
            measured(f"{label}: statements, {name}", median([one.statements[name] for one in found]), "statements")
            for name in PHASES
        ),
    ]


def execute_cost(*, quick: bool) -> list[Result]:
    levels, repetitions = (QUICK_LEVELS, 3) if quick else (LEVELS, REPETITIONS)
    results: list[Result] = []
    table: dict[int, list[Cost]] = {}
    with engine() as runtime:
        control = Control(_simulator_url())
        present = 0
        for level in levels:
            grow_to(level, present, levels[-1])
            present = level
            reconcile_clean(runtime)
            table[level] = costs(runtime, control, repetitions)
            results += _medians(level, table[level])
        results += _ratios(table, levels)
        results += _governor(levels[-1])
    return results


def _ratios(table: dict[int, list[Cost]], levels: tuple[int, ...]) -> list[Result]:
    empty, full = table[levels[0]], table[levels[-1]]
    label = f"execute with {levels[-1]:,} closed hedges / with none"
    return [
        at_most(f"{label}: CPU", median([o.cpu_ms for o in full]) / median([o.cpu_ms for o in empty]), "ratio", 1.2),
        at_most(f"{label}: wall", median([o.wall_ms for o in full]) / median([o.wall_ms for o in empty]), "ratio", 1.2),
    ]


def _simulator_url() -> str:
    from django.conf import settings

    return str(settings.PROPBOT.text("SIMULATOR_URL"))


def _timed(work: Callable[[], object], repetitions: int) -> float:
    times = []
    for _ in range(repetitions):
        started = time.monotonic()
        work()
        times.append((time.monotonic() - started) * 1000)
    return median(times)


def _governor(level: int) -> list[Result]:
    label = f"with {level:,} closed hedges"
    return [at_most(f"governor sample {label}, median", _timed(governor_sample, 15), "ms", 20)]
