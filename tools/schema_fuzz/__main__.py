"""``python -m tools.schema_fuzz``: 20,000 generated requests over all roles. Exit code 1 when an answer is wrong."""

import argparse
import shutil
import sys
import time

from tools.confirm_races.ground import prepare
from tools.reports import Result, exactly, measured, write_report

SEED = 20261122


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after the round that passes them")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--no-report", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    return parser.parse_args()


def main() -> int:
    options = options_of()
    data_dir = prepare(options.data_dir, database="propbot_schema_fuzz", durable=False)
    try:
        results = run(options)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    if not options.no_report:
        write_report("schema-fuzz", results, command="python -m tools.schema_fuzz", seed=options.seed)
    return int(any(result.ok is False for result in results))


def run(options: argparse.Namespace) -> list[Result]:
    from django.conf import settings

    from tools.schema_fuzz.fuzz import MOST_SHOWN, fuzz

    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=1_000_000, API_RATE_PER_MIN=1_000_000)
    settings.ALLOWED_HOSTS = ["testserver"]
    began = time.monotonic()
    found = fuzz(options.requests, seed_=options.seed, only=options.only, seconds=options.seconds)
    for what, count in found.faults.most_common(MOST_SHOWN):
        sys.stdout.write(f"{count} x {what}\n    {found.examples[what]}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{found.total} requests in {seconds:.0f} s, {sum(found.faults.values())} wrong answers\n")
    sys.stdout.write(f"{dict(found.asked)}\n{dict(found.statuses)}\n")
    return [
        Result("requests", found.total, "requests", f">= {options.requests}", found.total >= options.requests),
        *(measured(f"asked by {name}", count, "requests") for name, count in sorted(found.asked.items())),
        *(measured(f"answered {status}", count, "requests") for status, count in sorted(found.statuses.items())),
        exactly("answers that the document does not allow", sum(found.faults.values()), "answers", 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
