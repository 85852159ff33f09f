"""``python -m tools.schema_fuzz``: 20,000 generated requests over all roles. Exit code 1 when an answer is wrong.

They are shared among ``--workers`` processes, each with a database and a seed of its own. ``--keep FILE`` makes a long
run of several short ones: what the file holds is added to, and the report is of all of it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.confirm_races.ground import prepare
from tools.reports import Result, exactly, measured, write_report
from tools.schema_fuzz.findings import MOST_SHOWN, Findings

SEED = 20261122
SEEDS_APART = 1_000_000


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after the round that passes them")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--no-report", action="store_true")
    parser.add_argument("--only", action="append", default=[], help="a path of the document; may be repeated")
    parser.add_argument("--keep", type=Path, default=None, help="findings of earlier runs, added to by this one")
    parser.add_argument("--number", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--findings", type=Path, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = options_of()
    if options.number is not None:
        return work(options)
    began = time.monotonic()
    found = Findings() if options.keep is None or not options.keep.exists() else read(options.keep)
    missing = max(0, options.requests - found.total)
    if missing:
        # Another beginning than that of the run before: the same seed would make the same requests again.
        found.add(shared(options, missing, options.seed + found.total).document())
    if options.keep is not None:
        options.keep.write_text(json.dumps(found.document()), encoding="utf-8")
    for what, count in found.faults.most_common(MOST_SHOWN):
        sys.stdout.write(f"{count} x {what}\n    {found.examples[what]}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{found.total} requests in {seconds:.0f} s, {sum(found.faults.values())} wrong answers\n")
    sys.stdout.write(f"{dict(found.asked)}\n{dict(found.statuses)}\n")
    results = figures(found, options.requests)
    if not options.no_report:
        write_report("schema-fuzz", results, command="python -m tools.schema_fuzz", seed=options.seed)
    return int(any(result.ok is False for result in results))


def read(path: Path) -> Findings:
    found = Findings()
    found.add(json.loads(path.read_text(encoding="utf-8")))
    return found


def shared(options: argparse.Namespace, wanted: int, seed: int) -> Findings:
    """Every worker's findings in one; a worker that breaks breaks the run."""
    each = -(-wanted // options.workers)
    found = Findings()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.json" for number in range(options.workers)]
        started = [_start(options, number, each, seed, path) for number, path in enumerate(paths)]
        codes = [process.wait() for process in started]
        if any(codes):
            raise SystemExit(f"a worker ended with {codes}")
        for path in paths:
            found.add(read(path).document())
    return found


def _start(options: argparse.Namespace, number: int, each: int, seed: int, path: Path) -> "subprocess.Popen[bytes]":
    words = ["--number", str(number), "--findings", str(path), "--requests", str(each)]
    words += ["--seed", str(seed + number * SEEDS_APART), "--seconds", str(options.seconds)]
    words += ["--data-dir", options.data_dir] if options.data_dir else []
    words += [word for only in options.only for word in ("--only", only)]
    return subprocess.Popen([sys.executable, "-m", "tools.schema_fuzz", *words])  # noqa: S603 - our own words


def work(options: argparse.Namespace) -> int:
    """One worker: its own database, its share of the requests, its findings as a file."""
    data_dir = prepare(options.data_dir, database=f"propbot_schema_fuzz_{options.number}", durable=False)
    try:
        from django.conf import settings

        from tools.schema_fuzz.fuzz import fuzz

        settings.PROPBOT = settings.PROPBOT.replace(API_BURST=1_000_000, API_RATE_PER_MIN=1_000_000)
        settings.ALLOWED_HOSTS = ["testserver"]
        found = fuzz(options.requests, seed_=options.seed, only=options.only, seconds=options.seconds)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    options.findings.write_text(json.dumps(found.document()), encoding="utf-8")
    return 0


def figures(found: Findings, wanted: int) -> list[Result]:
    return [
        Result("requests", found.total, "requests", f">= {wanted}", found.total >= wanted),
        *(measured(f"asked by {name}", count, "requests") for name, count in sorted(found.asked.items())),
        *(measured(f"answered {status}", count, "requests") for status, count in sorted(found.statuses.items())),
        exactly("answers that the document does not allow", sum(found.faults.values()), "answers", 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
