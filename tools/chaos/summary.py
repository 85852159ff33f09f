"""docs/reports/chaos.json from what was counted, and nothing else."""

import argparse

from tools.chaos.ground import DIVISOR
from tools.chaos.results import LATE, RACES, RACES_PER_CASE, Ledger
from tools.reports import Result, at_most, exactly, measured, write_report


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
        median, slowest = (ledger.figures[f"hold_race_{name}_seconds"] for name in ("p50", "p99"))
        found.append(measured("HOLD against one open, slowest process: median", median * 1000, "ms"))
        found.append(measured("HOLD against one open, slowest process: p99", slowest * 1000, "ms"))
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
    """The commits that the pieces ran at stand with the command where there was more than one."""
    commits = sorted(ledger.commits)
    ran = f" (at {', '.join(commits)})" if len(commits) > 1 else ""
    write_report("chaos", results(ledger), command=command + ran, seed=chosen.seed)
