"""docs/reports/chaos.json from what was counted, and nothing else."""

import argparse

from tools.chaos.ground import DIVISOR
from tools.chaos.results import Ledger
from tools.reports import Result, at_most, exactly, measured, write_report

SMALL = 0.1  # seconds: HOLD's p99


def _at_least(name: str, value: float, wanted: int) -> Result:
    return Result(name, int(value), "runs", f">= {wanted}", value >= wanted)


def _group(ledger: Ledger, name: str, title: str) -> list[Result]:
    tallies = ledger.group(name)
    violations = sum(one.violations for one in tallies)
    return [
        measured(f"{title}: executed", sum(one.runs for one in tallies), "runs"),
        measured(
            f"{title}: aborted by a loaded machine, not counted", ledger.figures.get(f"{name}_aborted", 0), "runs"
        ),
        measured(f"{title}: the fault struck", sum(one.injected for one in tallies), "runs"),
        exactly(f"{title}: oracle violations", violations, "sentences", 0),
    ]


TITLES = {
    "crashes": f"crash points A1 to A19, waits divided by {DIVISOR}",
    "kills": f"kill -9 of a trader process under load, waits divided by {DIVISOR}",
    "desks": "kill -9 of the trader of a whole desk, real time",
    "episodes": "episodes in virtual time",
    "holds": "HOLD against send and frozen processes",
}
WANTED = {"kills": 200, "desks": 20, "episodes": 10_000}


def results(ledger: Ledger) -> list[Result]:
    found: list[Result] = []
    for name, title in TITLES.items():
        if not ledger.group(name):
            continue
        found += _group(ledger, name, title)
        if name in WANTED:
            count = sum(one.runs for one in ledger.group(name))
            found.append(_at_least(f"{title}: of those wanted", count, WANTED[name]))
        found.append(measured(f"{title}: time", ledger.figures.get(f"{name}_seconds", 0), "s"))
    found += _cases(ledger)
    figures = ledger.figures
    if "races" in figures:
        found.append(_at_least("races of HOLD against send", figures["races"], 1000))
        found.append(exactly("opening orders after the answer, not named", int(figures["late_orders"]), "orders", 0))
    if "frozen_seconds" in figures:
        found.append(at_most("HOLD while a process is frozen in a transaction", figures["frozen_seconds"], "s", 3))
    if "hold_p99_seconds" in figures:
        found.append(at_most("HOLD with 16 hedges being journaled, p99", figures["hold_p99_seconds"], "s", SMALL))
    return found


def _cases(ledger: Ledger) -> list[Result]:
    """One line per case: injected / survived / violations."""
    return [
        Result(
            f"{one.group}: {one.case}",
            f"{one.injected} of {one.runs} struck, {one.survived} survived",
            "runs",
            "0 violations",
            one.violations == 0,
        )
        for one in ledger.tallies.values()
    ]


def report(ledger: Ledger, chosen: argparse.Namespace, command: str) -> None:
    write_report("chaos", results(ledger), command=command, seed=chosen.seed)
