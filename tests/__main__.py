"""``python -m tests``: the suite in three runs, then one closing line for all of them.

What needs the database runs on three workers, for a third of their time is waiting. Whole desks and the conformance
tool mostly wait for their own clocks: they run beside that, and their output follows when they are through. The
browser runs last, with the machine to itself.
What fails beside others is asked once more alone, and the closing line says how often that was needed: real
processes under real timeouts on two busy cores miss a deadline now and then, and a fault fails twice.
SKIP_DESKS=1 leaves out the desks, the tool and the browser: they bring what they need, whatever the suite stands on.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

ALONE = ("tests/acceptance", "tests/embedded", "tests/faults/test_desk.py", "tests/simulator/test_conformance.py")
BROWSER = ("tests/browser",)
NO_TESTS_COLLECTED = 5
ONCE_MORE = 20
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+::.+?)(?: - .*)?$", re.MULTILINE)
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)")


def _ignored(paths: tuple[str, ...]) -> list[str]:
    return [f"--ignore={path}" for path in paths]


@dataclass
class Run:
    """One pytest process: its exit code, its counts, and the tests that failed in it."""

    code: int
    counts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def _pytest(arguments: list[str], tell: Callable[[str], object] = sys.stdout.write) -> Run:
    """One line after the other goes to ``tell``."""
    command = [sys.executable, "-m", "pytest", "-q", "-ra", *arguments, *sys.argv[1:]]
    last, failed = "", []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            tell(line)
            sys.stdout.flush()
            last = line if COUNT.search(line) else last
            failed += FAILED.findall(line)
        code = process.wait()
    counts = {word: int(number) for number, word in COUNT.findall(last)}
    return Run(0 if code == NO_TESTS_COLLECTED else code, counts, failed)


def _once_more(first: Run) -> Run:
    """A run's few failures again, alone."""
    if not first.code or not 0 < len(first.failed) <= ONCE_MORE:
        return first
    again = _pytest(first.failed)
    if again.code or again.counts.get("passed", 0) < len(first.failed):
        return first
    passed = first.counts.get("passed", 0) + len(first.failed)
    kept = {word: number for word, number in first.counts.items() if not word.startswith(("failed", "error"))}
    return Run(0, {**kept, "passed": passed, "passed alone": len(first.failed)})


def _beside_each_other(main: list[str], desks: list[str]) -> list[Run]:
    """Both runs at once; the desks' lines are kept back until the main run is through."""
    kept: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(_pytest, desks, kept.append)
        first = _pytest(main)
        second = beside.result()
    sys.stdout.write("".join(kept))
    return [first, second]


def main() -> int:
    began = time.monotonic()
    shared = ["-n", "3", "--dist", "worksteal", "tests", *_ignored(ALONE + BROWSER)]
    if os.environ.get("SKIP_DESKS"):
        runs = [_pytest(shared)]
    else:
        runs = [*_beside_each_other(shared, ["-n", "2", "--dist", "loadfile", *ALONE]), _pytest(list(BROWSER))]
    results = [_once_more(run) for run in runs]
    total: dict[str, int] = {}
    for run in results:
        for word, number in run.counts.items():
            total[word] = total.get(word, 0) + number
    summary = ", ".join(f"{number} {word}" for word, number in sorted(total.items()))
    sys.stdout.write(f"===== {summary or 'no tests'} in {time.monotonic() - began:.1f}s =====\n")
    return max((run.code for run in results), default=0)


if __name__ == "__main__":
    sys.exit(main())
