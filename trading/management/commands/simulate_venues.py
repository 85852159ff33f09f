"""`manage.py simulate_venues`: the venue simulator, with the same arguments as `python -m trading.simulator`."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.simulator.cli import DESCRIPTION, add_arguments, run


class Command(BaseCommand):
    help = DESCRIPTION
    requires_system_checks: list[str] = []  # it needs no settings beyond Django's own, and no database

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        status = run(argparse.Namespace(**options))
        if status:
            raise CommandError("the simulator did not start", returncode=status)
