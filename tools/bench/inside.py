"""What is measured with Django in the process: ``python -m tools.bench.inside PART``, answers JSON on stdout.

The parent gives it a fresh database, a Redis, a simulator and the environment of a trader.
"""

import json
import sys
from dataclasses import asdict

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after the setup

from tools.bench import cost, holding, scanning  # noqa: E402

PARTS = {"execute": cost.execute_cost, "scan": scanning.scan_cost, "hold": holding.hold_cost}


def main() -> int:
    if sys.argv[1] == "journal":
        holding.journal_until_told()
        return 0
    quick = "--quick" in sys.argv
    call_command("migrate", verbosity=0, interactive=False)
    results = PARTS[sys.argv[1]](quick=quick)
    sys.stdout.write("\n" + json.dumps([asdict(one) for one in results]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
