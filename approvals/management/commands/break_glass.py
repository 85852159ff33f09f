"""Stop and reduce the desk with two sealed codes, when no approver can be reached."""

import getpass
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.glass import REDUCING
from approvals.services.glass import NEEDED, glass_break
from approvals.shell import administrator, command_of
from propbot.http.renderers import jsonable


def codes_asked() -> list[str]:
    """From the keyboard without echo, else one per line: arguments are seen by others."""
    if sys.stdin.isatty():
        return [getpass.getpass(f"code {number}: ") for number in range(1, NEEDED + 1)]
    return [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]


class Command(BaseCommand):
    help = (
        "When no approver can be reached: stop the desk (hold), cancel every open order too (cancel_all), or close "
        "every hedge as well (close_all), with two sealed codes, which are asked for or read from standard input. "
        "It starts and loosens nothing. Exit code 0 only when every step was done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=REDUCING)
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        with command_of(administrator()):
            answer = glass_break(codes=codes_asked(), action=options["action"], reason=options["reason"])
        self.stdout.write(json.dumps(jsonable(answer), indent=1))
        if not answer["success"]:
            raise CommandError("not every step was done; see above, and use `manage.py panic`", returncode=2)
