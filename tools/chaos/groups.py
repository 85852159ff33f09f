"""The groups by name, and the clock that ends each of them in time."""

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tools.chaos.results import CaseRun, Ledger, regressions, say
from tools.reports import current_commit

NAMES = ("crashes", "kills", "holds", "episodes", "desks")
# Into how many processes a group is cut: crashes and kills wait more than they compute.
PARTS = {"crashes": 6, "kills": 4, "holds": 2, "episodes": 2, "desks": 1}
PROGRESS_SECONDS = 60.0
SAVE_SECONDS = 2.0
ATTEMPTS = 3


def drive(ledger: Ledger, name: str, plan: Iterable[Callable[[], CaseRun]], until: float) -> None:
    """One case after the other until the plan or the time is over; what was counted is on disk soon after each."""
    began = said = time.monotonic()
    before = ledger.figures.get(f"{name}_seconds", 0)
    for count, one in enumerate(plan, 1):
        if time.time() > until:
            say(f"{name}: stopped, the time is over")
            break
        run = _attempt(ledger, name, one)
        if run is not None:
            ledger.add(run)
        ledger.figures[f"{name}_seconds"] = round(before + time.monotonic() - began, 1)
        ledger.save(at_most_every=SAVE_SECONDS)
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            say(f"{name} {ledger.part + 1}/{ledger.parts}: {count} after {said - began:.0f} s")


def _attempt(ledger: Ledger, name: str, one: Callable[[], CaseRun]) -> CaseRun | None:
    """What a loaded machine breaks off is tried again, and counted as aborted, neither as survived nor as failed: the
    harness itself may be cut off from its database or simulator."""
    from django.db import DatabaseError, InterfaceError, connections

    for _ in range(ATTEMPTS):
        try:
            return one()
        except (DatabaseError, InterfaceError, OSError) as error:
            say(f"{name}: a case was aborted: {error.__class__.__name__}: {str(error)[:120]}")
            ledger.figures[f"{name}_aborted"] = ledger.figures.get(f"{name}_aborted", 0) + 1
            connections.close_all()
    return None


def _crashes(chosen: argparse.Namespace, ledger: Ledger) -> None:
    from tools.chaos import crashes
    from tools.chaos.stand import Stand

    stand = Stand(f"crashes_{ledger.part}")
    try:
        plan = crashes.plan(chosen.seeds, quick=chosen.quick)
        if chosen.replay:
            plan = ((str(row["case"]), int(row["seed"])) for row in regressions() if row["group"] == "crashes")
        plan = (one for one in plan if any(part in one[0] for part in chosen.case.split(",")))
        left = [one for one in plan if one[1] in ledger.seeds("crashes", one[0], chosen.seeds * 10)]
        cases = ((lambda case=case, seed=seed: crashes.run(stand, case, seed, chosen.seed)) for case, seed in left)
        drive(ledger, "crashes", cases, chosen.until)
    finally:
        stand.close()


def _episodes(chosen: argparse.Namespace, ledger: Ledger) -> None:
    from tools.chaos import episodes

    stand = episodes.VirtualStand(f"episodes_{ledger.part}")
    try:
        last = chosen.first + chosen.episodes - 1
        seeds = ledger.seeds("episodes", episodes.CASE, last, chosen.first)
        if chosen.replay:
            seeds = [int(row["seed"]) for row in regressions() if row["group"] == "episodes"]
        cases = ((lambda seed=seed: episodes.run(stand, seed, chosen.seed)) for seed in seeds)
        drive(ledger, "episodes", cases, chosen.until)
    finally:
        stand.close()


def _kills(chosen: argparse.Namespace, ledger: Ledger) -> None:
    from tools.chaos import kills
    from tools.chaos.stand import Stand

    stand = Stand(f"kills_{ledger.part}")
    try:
        round_of = kills.Rounds(stand, chosen.seed, ledger)
        cases = ((lambda seed=seed: round_of.run(seed)) for seed in ledger.seeds("kills", kills.CASE, chosen.kills))
        drive(ledger, "kills", cases, chosen.until)
        round_of.end()
    finally:
        stand.close()


def _holds(chosen: argparse.Namespace, ledger: Ledger) -> None:
    from tools.chaos import holds
    from tools.chaos.stand import Stand

    stand = Stand(f"holds_{ledger.part}")
    try:
        bench = holds.Holds(stand, chosen.seed, ledger)
        drive(ledger, "holds", bench.plan(chosen.races, quick=chosen.quick), chosen.until)
    finally:
        stand.close()


def _desks(chosen: argparse.Namespace, ledger: Ledger) -> None:
    from tools.chaos import desks

    if not chosen.desk_kills:
        return
    with desks.running(chosen.seed) as rounds:
        cases = ((lambda seed=seed: rounds.run(seed)) for seed in ledger.seeds("desks", desks.CASE, chosen.desk_kills))
        drive(ledger, "desks", cases, chosen.until)
        ledger.figures |= rounds.figures()


RUN = {"crashes": _crashes, "episodes": _episodes, "kills": _kills, "holds": _holds, "desks": _desks}


def run_group(name: str, chosen: argparse.Namespace) -> Ledger:
    ledger = Ledger(Path(chosen.output), part=chosen.part, parts=chosen.parts)
    if chosen.resume:
        ledger.resume()
    ledger.commits.add(current_commit())
    RUN[name](chosen, ledger)
    ledger.save()
    return ledger
