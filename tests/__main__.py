"""``python -m tests``: the suite in three runs, then one closing line for all of them.

What needs the database, and the conformance tool, runs on three workers: a third of their time is waiting. Whole desks,
eight processes each, run after that, two at a time, so that their clocks mean something. The browser runs last, because
Playwright and the other tests' event loops do not share a process.
What fails beside others is asked once more alone, and the closing line says how often that was needed: real
processes under real timeouts on two busy cores miss a deadline now and then, and a fault fails twice.
What takes minutes (long plays of desks, a quick run of the chaos harness, generated requests, a second server) runs only
where CI is set, as .ci/run sets it; the closing line names what was left to it.
SKIP_DESKS=1 leaves out the desks and the browser, which bring services of their own whatever the suite stands on.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field

ALONE = ("tests/acceptance", "tests/embedded", "tests/faults/test_desk.py")
BROWSER = ("tests/browser",)
LONG = (
    "tests/acceptance/test_canaries.py", "tests/acceptance/test_recording.py", "tests/embedded/test_shares.py",
    "tests/faults/test_desk.py", "tests/chaos/test_harness.py", "tests/access/test_schema_fuzz.py",
    "tests/upkeep/test_second_database.py",
)  # fmt: skip
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


def _pytest(arguments: list[str]) -> Run:
    """The output passes through as it comes."""
    command = [sys.executable, "-m", "pytest", "-q", "-ra", *arguments, *sys.argv[1:]]
    last, failed = "", []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
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


def main() -> int:
    began, whole = time.monotonic(), bool(os.environ.get("CI"))
    left = () if whole else LONG
    runs = (
        ["-n", "3", "--dist", "worksteal", "tests", *_ignored(ALONE + BROWSER + left)],
        ["-n", "2", "--dist", "loadfile", *(path for path in ALONE if path not in left), *_ignored(left)],
        list(BROWSER),
    )
    results = [_once_more(_pytest(run)) for run in (runs[:1] if os.environ.get("SKIP_DESKS") else runs)]
    total: dict[str, int] = {}
    for run in results:
        for word, number in run.counts.items():
            total[word] = total.get(word, 0) + number
    summary = ", ".join(f"{number} {word}" for word, number in sorted(total.items()))
    if left and not os.environ.get("SKIP_DESKS"):
        sys.stdout.write(f"left to CI (CI=1 make test runs them): {' '.join(left)}\n")
    sys.stdout.write(f"===== {summary or 'no tests'} in {time.monotonic() - began:.1f}s =====\n")
    return max((run.code for run in results), default=0)


if __name__ == "__main__":
    sys.exit(main())
