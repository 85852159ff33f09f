"""Measures, and writes ``docs/reports/risk.json``; exits 1 when a bound is missed.

``python -m tools.risk_bench`` needs DATABASE_URL and REDIS_URL (``make risk-bench`` gives servers of its own).
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from tools.reports import Result, at_most, exactly, measured, write_report
from tools.risk_bench.ground import prepare

CLOSED, OPEN = 100_000, 1_000
DECISIONS, SAMPLES = 5_000, 40
WORKERS, ROUNDS, KILLS = 50, 200, 10


def gate_decision() -> list[Result]:
    """CPU of one decision over standing facts, every cap compared."""
    from risk.gate import GateFacts, Reserved, decide
    from risk.services.facts import risk_flags, strategy_facts
    from risk.services.limits import limits_read
    from tools.risk_bench.racing import empty_book, intent_of

    facts = GateFacts(
        flags=risk_flags(),
        limits=limits_read(),
        exposure=empty_book().exposure(),
        reserved=Reserved(),
        strategy=strategy_facts("cross_exchange_arb"),
        dry_run=False,
    )
    intent = intent_of(1)
    if not decide(intent, facts).allowed:
        raise RuntimeError("the measured decision does not pass every comparison")
    took = []
    for _ in range(DECISIONS):
        began = time.thread_time_ns()
        decide(intent, facts)
        took.append((time.thread_time_ns() - began) / 1000)
    return [at_most("gate decision, CPU, median", statistics.median(took), "µs", 100)]


def timed(work: Callable[[], object], count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of wall and of this thread's CPU, per call."""
    wall, cpu = [], []
    for _ in range(count):
        began, used = time.monotonic(), time.thread_time()
        work()
        wall.append((time.monotonic() - began) * 1000)
        cpu.append((time.thread_time() - used) * 1000)
    return wall, cpu


def database_cpu_ms() -> float:
    """CPU that this connection's server process has used so far; 0 where it runs on another machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    path = Path(f"/proc/{pid}/schedstat")
    return int(path.read_text().split()[0]) / 1e6 if path.exists() else 0.0


def governor() -> list[Result]:
    from risk.models import GovernorSample
    from risk.ports import ports
    from risk.services.governor import governor_sample
    from tools.risk_bench.history import grow, marks_put

    grow(closed=CLOSED, open_count=OPEN)
    marks_put()
    governor_sample()
    wall, cpu, inside = [], [], []
    for _ in range(SAMPLES):
        marks_put()
        before = database_cpu_ms()
        one_wall, one_cpu = timed(governor_sample, 1)
        inside.append(database_cpu_ms() - before)
        wall, cpu = wall + one_wall, cpu + one_cpu
    newest = GovernorSample.objects.order_by("-id")[0]
    if newest.total_notional_usdt != Decimal(60) * OPEN or newest.unrealized_usdt is None:
        raise RuntimeError(f"the sample is not that of {OPEN} open hedges: {newest.total_notional_usdt}")
    reading, _ = timed(lambda: (ports().exposure(), ports().pnl(newest.at)), SAMPLES)
    both = [one + other for one, other in zip(cpu, inside, strict=True)]
    label = f"governor sample with {CLOSED:,} closed and {OPEN:,} open hedges"
    return [
        at_most(f"{label}, median", statistics.median(wall), "ms", 20),
        at_most(f"{label}, CPU of process and database, median", statistics.median(both), "ms", 20),
        measured("of it CPU of the database, median", statistics.median(inside), "ms"),
        measured("reading exposure and PnL, median", statistics.median(reading), "ms"),
        measured("load average of the machine over the last minute, at the end", os.getloadavg()[0], "processes"),
    ]


def caps_race() -> list[Result]:
    from risk import ports
    from tools.risk_bench.racing import MAY_PASS, Race, empty_book

    ports.register(empty_book())
    began = time.monotonic()
    found = Race(WORKERS, ROUNDS).run()
    seconds = time.monotonic() - began
    if found.errors:
        raise RuntimeError(f"{len(found.errors)} workers failed: {found.errors[0]}")
    return [
        exactly(f"rounds of {WORKERS} workers against one cap", found.rounds, "", ROUNDS),
        exactly("rounds whose reservations passed the cap", found.over, "", 0),
        exactly("rounds whose sum is not that of who passed", found.under, "", 0),
        exactly("intents that passed", found.passed, "", ROUNDS * MAY_PASS),
        exactly("reservations left behind", found.left, "", 0),
        measured("race", seconds, "s"),
    ]


def caps_race_with_kills() -> list[Result]:
    from risk import ports
    from tools.risk_bench.kills import run
    from tools.risk_bench.racing import empty_book

    ports.register(empty_book())
    found = run(kills=KILLS, workers=WORKERS)
    return [
        exactly(f"kill -9 of a process with {WORKERS} workers at one cap", found.kills, "", KILLS),
        measured("reservations that it had told as committed", found.told, ""),
        exactly("of them not there after the kill", found.lost, "", 0),
        exactly("kills after which reservations passed the cap", found.over, "", 0),
        exactly("reservations left behind that no worker had in hand", found.left, "", 0),
        measured("longest wait of the next reservation", found.longest_wait_ms, "ms"),
    ]


PARTS = {"gate": gate_decision, "race": caps_race, "kills": caps_race_with_kills, "governor": governor}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.risk_bench")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="only these (no report is written)")
    chosen = parser.parse_args(arguments).parts
    prepare()
    from trading.services.ports import ports_register

    results: list[Result] = []
    for name in chosen or PARTS:
        ports_register()
        found = PARTS[name]()
        for result in found:
            sys.stdout.write(f"{result.name}: {result.value} {result.unit} {result.target}\n")
        results += found
    if not chosen:
        write_report("risk", results, command="make risk-bench")
    return 0 if all(result.ok is not False for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
