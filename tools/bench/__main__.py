"""Measures, prints, and writes ``docs/reports/bench.json``; exits 1 when a bound is missed.

``python -m tools.bench [--quick] [--only NAME …]`` needs DATABASE_URL and REDIS_URL (``make bench`` gives servers of
its own). Figures are ratios of one run: another machine, or a busy one, gives others.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.acceptance.desk import Desk
from tools.bench.ground import Ground, ground_of
from tools.bench.parts import resident_mib, run_part
from tools.bench.race import race
from tools.reports import Result, measured, show, write_report

REPETITIONS, QUICK_REPETITIONS = 20, 3
WEIGHED = {"web": "uvicorn", "trader": "-Q trading", "worker": "-Q ops", "stream": "stream_quotes", "beat": " beat "}
SECTIONS = ("race", "execute", "scan", "hold")


def weights(desk: Desk, into: list[Result]) -> None:
    """Resident memory of the desk's processes after their last hedge."""
    if desk.process is None or any(result.name.startswith("memory") for result in into):
        return
    listed = Path(f"/proc/{desk.process.pid}/task/{desk.process.pid}/children").read_text().split()
    for pid in map(int, listed):
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        name = next((name for name, word in WEIGHED.items() if word in command), None)
        if name is not None:
            into.append(measured(f"memory of {name}", resident_mib(pid), "MiB"))


def raced(ground: Ground, *, quick: bool) -> list[Result]:
    memory: list[Result] = []
    modes = ("sequential",) if quick else ("sequential", "concurrent")
    count = QUICK_REPETITIONS if quick else REPETITIONS
    results = race(ground, count=count, look=lambda desk: weights(desk, memory), modes=modes)
    return [*results, *memory]


def section(name: str, ground: Ground, *, quick: bool) -> list[Result]:
    parts: dict[str, Callable[..., list[Result]]] = {"race": raced}
    return parts.get(name, partial(_part, name))(ground, quick=quick)


def _part(name: str, ground: Ground, *, quick: bool) -> list[Result]:
    return run_part(ground, name, quick=quick)


def load() -> Result:
    """What else ran: a figure taken on a busy machine says so."""
    return measured("load average of the machine over the last minute, at the end", os.getloadavg()[0], "processes")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer repetitions, sequential only, 10,000 hedges: about two minutes, no report",
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="some of the measurements")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="propbot-bench-"))
    folder.chmod(0o711)
    results: list[Result] = []
    try:
        for name in options.only:
            found = section(name, ground_of(folder), quick=options.quick)
            show(found)
            results += found
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results.append(load())
    if tuple(options.only) == SECTIONS and not options.quick:
        write_report("bench", results, command="make bench", seed=1)
    return 1 if any(one.ok is False for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
