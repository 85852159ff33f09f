"""Issue a bearer token. It is shown once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from approvals.services.people import person_named, token_issue
from approvals.shell import administrator, command_of

MOST_HOURS = 24 * 90


class Command(BaseCommand):
    help = "Issue a bearer token to a person; it is shown once and stored as a hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--person", required=True)
        parser.add_argument("--hours", type=int, default=24 * 7)
        parser.add_argument("--label", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        hours = max(1, min(options["hours"], MOST_HOURS))
        with command_of(administrator()):
            text = token_issue(person=person_named(options["person"]), hours=hours, label=options["label"])
        self.stdout.write(text)
