"""docs/reports/chaos.json from what was counted, and nothing else."""

import argparse

from tools.chaos.ground import DIVISOR
from tools.chaos.results import LATE, RACES, RACES_PER_CASE, Ledger
from tools.reports import Result, at_most, current_commit, exactly, measured, write_report


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
        found.append(measured(f"{title}: time, of all processes", ledger.figures.get(f"{name}_seconds", 0), "s"))
    return [*found, *_races(ledger), *_cases(ledger)]


def _races(ledger: Ledger) -> list[Result]:
    found, raced = [], ledger.tallies.get(("holds", RACES))
    if raced is not None:
        late = sum(LATE in sentence for sentence in raced.sentences)
        found.append(_at_least("races of HOLD against send", raced.runs * RACES_PER_CASE, 1000))
        found.append(exactly("opening orders after the answer, not named", late, "orders", 0))
        found += [
            measured(f"HOLD against one open, slowest process: {name}", ledger.figures[figure] * 1000, "ms")
            for name, figure in (("median", "hold_race_p50_seconds"), ("p99", "hold_race_p99_seconds"))
            if figure in ledger.figures
        ]
    if "frozen_seconds" in ledger.figures:
        frozen = ledger.figures["frozen_seconds"]
        found.append(at_most("HOLD while a process is frozen in a transaction", frozen, "s", 3))
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
    """The commits that the pieces ran at stand with the command, unless all are that of the report."""
    commits = sorted(ledger.commits - {current_commit()})
    ran = f" (ran at {', '.join(commits)})" if commits else ""
    write_report("chaos", results(ledger), command=command + ran, seed=chosen.seed)
