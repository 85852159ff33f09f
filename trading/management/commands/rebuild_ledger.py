"""`manage.py rebuild_ledger [--check]`: positions and PnL derived anew from the fills."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.services.rebuild import differences, rebuild, summary


class Command(BaseCommand):
    help = (
        "Derives every leg, hedge and daily sum from orders, fills and funding payments. With --check nothing is "
        "written: each figure that differs is named, and the exit code is 1 when there is one."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare only, write nothing")

    def handle(self, *, check: bool, **_: Any) -> None:
        if not check:
            self.stdout.write(f"derived {rebuild()} hedges anew")
        found = list(differences())
        for sentence in found:
            self.stdout.write(sentence)
        counts = summary()
        self.stdout.write(f"{counts['hedges']} hedges, {counts['orders']} orders, {counts['fills']} fills compared")
        if found:
            raise CommandError(f"{len(found)} differences", returncode=1)
        self.stdout.write("the ledger follows from its fills")
