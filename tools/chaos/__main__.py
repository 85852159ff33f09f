"""The command: runs the chosen groups, each in a process of its own, prints the table, writes the report."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tools.chaos import groups
from tools.chaos.results import Ledger, keep, say, table
from tools.chaos.summary import report

ROOT = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of each, for the suite")
    parser.add_argument("--only", default=",".join(groups.NAMES), help="comma list of groups")
    parser.add_argument("--seeds", type=int, default=10, help="seeds per crash case")
    parser.add_argument("--kills", type=int, default=200, help="kill -9 of the trader under load")
    parser.add_argument("--desk-kills", type=int, default=20, help="of a whole desk, in real time")
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--races", type=int, default=1000, help="HOLD against send")
    parser.add_argument("--seed", type=int, default=1, help="from which all is drawn")
    parser.add_argument("--first", type=int, default=1, help="the first episode's seed")
    parser.add_argument("--report-from", metavar="FOLDER", help="no run: the report of what groups left in FOLDER")
    parser.add_argument("--keep-in", metavar="FOLDER", help="where the groups leave what they counted")
    parser.add_argument("--resume", action="store_true", help="go on where the groups in --keep-in stopped")
    parser.add_argument("--replay", action="store_true", help="only the seeds kept in tests/chaos/regressions.json")
    parser.add_argument("--minutes", type=float, default=110, help="no group begins another case after so long")
    parser.add_argument("--jobs", type=int, default=2, help="groups at a time")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    parser.add_argument("--no-report", action="store_true", help="print the table only")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seeds, chosen.kills, chosen.desk_kills = 1, 5, 0
        chosen.episodes, chosen.races = 20, 20
    return chosen


def _start(name: str, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tools.chaos", *sys.argv[1:], "--group", name, "--output", str(output)]
    return subprocess.Popen(command, cwd=ROOT)  # noqa: S603


def _all(chosen: argparse.Namespace, folder: Path) -> tuple[Ledger, bool]:
    """At most ``jobs`` groups at a time."""
    waiting = [name for name in groups.NAMES if name in chosen.only.split(",")]
    running: dict[str, subprocess.Popen[bytes]] = {}
    ledger, sound = Ledger(), True
    while waiting or running:
        while waiting and len(running) < chosen.jobs:
            running[waiting[0]] = _start(waiting[0], folder / waiting[0])
            waiting.pop(0)
        for name, process in list(running.items()):
            if process.poll() is None:
                continue
            sound &= process.returncode == 0
            if (folder / name).exists():
                ledger.load(folder / name)
            del running[name]
        time.sleep(0.2)
    return ledger, sound


def report_from(chosen: argparse.Namespace) -> int:
    """Groups that were run one by one, as one report."""
    ledger = Ledger()
    for name in groups.NAMES:
        path = Path(chosen.report_from) / name
        if path.exists():
            ledger.load(path)
    say(table(ledger.tallies.values()))
    report(ledger, chosen, "python -m tools.chaos --only GROUP, group by group")
    return 0


def main() -> int:
    chosen = arguments()
    if chosen.group:
        groups.run_group(chosen.group, chosen)
        return 0
    if chosen.report_from:
        return report_from(chosen)
    from tools.chaos.ground import DIVISOR, data_root, databases_drop, template_make

    say(
        f"chaos: the waits of RELIABILITY S3, S6 and S7 are divided by {DIVISOR}, except in the groups desks (real time)"
    )
    say("       and episodes (virtual time); seed " + str(chosen.seed))
    template_make()
    folder = Path(chosen.keep_in) if chosen.keep_in else data_root()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        ledger, sound = _all(chosen, folder)
    finally:
        databases_drop()
    tallies = list(ledger.tallies.values())
    say("\n" + table(tallies))
    say(f"{time.monotonic() - started:.0f} s")
    if not chosen.replay and keep(tallies):
        say("new failing seeds are kept in tests/chaos/regressions.json")
    if not (chosen.no_report or chosen.replay):
        report(ledger, chosen, "python -m tools.chaos " + " ".join(sys.argv[1:]))
    failed = any(tally.violations for tally in tallies)
    return 1 if failed or not sound else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
