"""``python -m tools.confirm_races``: 50 x 100 confirms, a killed approver, HOLD, role loss and withdrawal.

The database of its own stands on the server of DATABASE_URL. Exit code 1 when any round broke a promise.
"""

import argparse
import random
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.confirm_races.ground import prepare
from tools.reports import Result, exactly, measured, write_report

if TYPE_CHECKING:  # it needs Django, which needs the settings of the run
    from tools.confirm_races.rounds import Tally

SEED = 20261122


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--confirms", type=int, default=50)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--no-report", action="store_true")
    return parser.parse_args()


def _say(name: str, tally: "Tally", seconds: float) -> None:
    sys.stdout.write(f"{name}: {tally.rounds} rounds, {len(tally.wrong)} wrong, {seconds:.0f} s, ")
    sys.stdout.write(f"{dict(tally.answers)}\n")
    for line in tally.wrong[:10]:
        sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


def races(options: argparse.Namespace) -> list[Result]:
    from concurrent.futures import ThreadPoolExecutor

    from approvals.choices import Role
    from audit.services import verify
    from tests.access.people import member
    from tools.confirm_races import rounds

    people = [member(name, Role.OPERATOR) for name in ("alice", "bob", "carol")]
    results: list[Result] = []
    wrong = 0

    def race(name: str, round_: Callable[[rounds.Tally], None]) -> None:
        nonlocal wrong
        tally, began = rounds.Tally(), time.monotonic()
        for _ in range(options.rounds):
            tally.rounds += 1
            round_(tally)
        _say(name, tally, time.monotonic() - began)
        wrong += len(tally.wrong)
        results.append(measured(f"{name}: rounds", tally.rounds, "rounds"))
        results.extend(measured(f"{name}: {word}", count, "times") for word, count in sorted(tally.answers.items()))
        results.append(exactly(f"{name}: broken promises", len(tally.wrong), "", 0))

    # The killed processes are forked: before there is any thread.
    typical, random_ = rounds.typical_seconds(people), random.Random(options.seed)  # noqa: S311 - picks moments
    race("killed while confirming", lambda t: rounds.killed_while_confirming(t, people, random_, typical))
    with ThreadPoolExecutor(max_workers=options.confirms) as pool:
        race(f"{options.confirms} confirms at once", lambda t: rounds.confirms(t, pool, people, options.confirms))
        race("HOLD meets a confirm", lambda t: rounds.hold_meets_confirm(t, pool, people, random_))
        race("a role is lost", lambda t: rounds.role_lost_meets_confirm(t, pool, people, random_))
        race("a withdrawal meets a confirm", lambda t: rounds.withdrawal_meets_confirm(t, pool, people, random_))
    verdict = verify()
    results.append(exactly("the audit chain after all of it: faults", int(not verdict.sound), "", 0))
    results.append(measured("the audit chain after all of it: records", verdict.records, "records"))
    return results


def main() -> int:
    options = options_of()
    data_dir = prepare(options.data_dir, database="propbot_confirm_races")
    try:
        results = races(options)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    if not options.no_report:
        write_report("confirm-races", results, command="python -m tools.confirm_races", seed=options.seed)
    return int(any(result.ok is False for result in results))


if __name__ == "__main__":
    sys.exit(main())
