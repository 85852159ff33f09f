"""Everything between the services and the processes, in one process: it is most of a start's waiting."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from propbot.upkeep.patience import patient


class Command(BaseCommand):
    help = "Check the configuration, migrate, and in the simulator profile create the demo people and symbols."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo-file", type=Path, help="the file of the demo accounts; none: no demo people")
        parser.add_argument("--symbols", nargs="*", default=[], help="symbols to allow at installation")

    def handle(self, *args: Any, demo_file: Path | None, symbols: list[str], **options: Any) -> None:
        call_command("check", fail_level="ERROR")
        call_command("migrate", interactive=False, verbosity=0)
        with patient():
            if demo_file is not None:
                call_command("demo_people", file=demo_file)
            if symbols:
                call_command("seed_universe", *symbols)
