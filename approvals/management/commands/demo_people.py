"""alice, bob, vera and otto, for trying out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from approvals.demo import demo_people_ensure
from approvals.shell import administrator, command_of


class Command(BaseCommand):
    help = "Create the demo people and write what opens their accounts into a file (0600). Refused in live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", required=True, type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PROPBOT.text("PROFILE") == "live":
            raise CommandError("there are no demo people in live: use bootstrap_operators and create_person")
        with command_of(administrator()):
            people = demo_people_ensure(options["file"])
        self.stdout.write(f"{', '.join(people)}: see {options['file']}")
