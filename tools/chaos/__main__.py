"""The command: runs the chosen groups, each in a process of its own, prints the table, writes the report."""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.chaos import groups
from tools.chaos.ground import QUICK_DIVISOR, data_root, databases_drop, divisor, template_make
from tools.chaos.results import Ledger, keep, say, table
from tools.chaos.summary import report

ROOT = Path(__file__).resolve().parents[2]
JOBS = 6  # most of a case is waiting


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of each, for the suite")
    parser.add_argument("--only", default=",".join(groups.NAMES), help="comma list of groups")
    parser.add_argument("--seeds", type=int, default=10, help="seeds per crash case")
    parser.add_argument("--case", default="", help="only crash cases whose name contains one of this comma list")
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
    parser.add_argument("--minutes", type=float, default=110, help="no case begins after so long")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes at a time")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    parser.add_argument("--part", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--parts", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=float("inf"), help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    parser.add_argument("--no-report", action="store_true", help="print the table only")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seeds, chosen.kills, chosen.desk_kills = 1, 5, 0
        chosen.episodes, chosen.races = 20, 10
    return chosen


@dataclass(frozen=True)
class Part:
    """One process' share of a group."""

    group: str
    number: int
    of: int

    @property
    def file(self) -> str:
        return f"{self.group}.{self.number}"


def _parts(chosen: argparse.Namespace) -> list[Part]:
    """The chosen groups, cut into as many processes as pay; what is short or a replay stays in one."""
    names = [name for name in groups.NAMES if name in chosen.only.split(",")]
    counts = {name: 1 if chosen.quick or chosen.replay else groups.PARTS[name] for name in names}
    return [Part(name, number, counts[name]) for name in names for number in range(counts[name])]


def _start(part: Part, output: Path, until: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tools.chaos", *sys.argv[1:], "--group", part.group, "--output", str(output)]
    command += ["--part", str(part.number), "--parts", str(part.of), "--until", str(until)]
    return subprocess.Popen(command, cwd=ROOT)  # noqa: S603


def _all(chosen: argparse.Namespace, folder: Path) -> tuple[Ledger, bool]:
    """At most ``jobs`` processes at a time."""
    waiting, until = _parts(chosen), time.time() + chosen.minutes * 60
    running: dict[Part, subprocess.Popen[bytes]] = {}
    ledger, sound = Ledger(), True
    while waiting or running:
        while waiting and time.time() > until:
            say(f"{waiting.pop(0).file} was not begun: the time is over")
        while waiting and len(running) < chosen.jobs:
            part = waiting.pop(0)
            running[part] = _start(part, folder / part.file, until)
        for part, process in list(running.items()):
            if process.poll() is None:
                continue
            sound &= process.returncode == 0
            if (folder / part.file).exists():
                ledger.load(folder / part.file)
            del running[part]
        time.sleep(0.2)
    return ledger, sound


def report_from(chosen: argparse.Namespace) -> int:
    """Groups that were run one by one, as one report."""
    ledger = Ledger()
    for name in groups.NAMES:
        for path in sorted(Path(chosen.report_from).glob(f"{name}.[0-9]")):
            ledger.load(path)
    say(table(ledger.tallies.values()))
    report(ledger, chosen, "python -m tools.chaos --resume --keep-in FOLDER, in pieces")
    return 0


def main() -> int:
    chosen = arguments()
    if chosen.group:
        groups.run_group(chosen.group, chosen)
        return 0
    if chosen.report_from:
        return report_from(chosen)
    if chosen.quick:
        os.environ["CHAOS_DIVISOR"] = str(QUICK_DIVISOR)
    say(f"chaos: the waits of RELIABILITY S3, S6 and S7 are divided by {divisor()}, except in the groups desks")
    say(f"       (real time) and episodes (virtual time); seed {chosen.seed}")
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
    if not (chosen.no_report or chosen.replay or chosen.quick):
        report(ledger, chosen, "python -m tools.chaos " + " ".join(sys.argv[1:]))
    failed = any(tally.violations for tally in tallies)
    return 1 if failed or not sound else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
