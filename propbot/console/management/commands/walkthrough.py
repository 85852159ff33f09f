"""Plays both operators against a running desk."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from propbot.console.desk_client import DeskError
from propbot.console.walk import Walk, WalkError


class Command(BaseCommand):
    help = "Play both operators over the API of a running desk (make run), from HOLD to a closed hedge."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--accounts", type=Path, help="demo-accounts.json (default: the one in DATA_DIR)")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["accounts"] or Path(settings.DATA_DIR) / "demo-accounts.json"
        try:
            accounts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(
                f"{path} cannot be read ({error.__class__.__name__}): start the desk with make run"
            ) from error
        try:
            Walk(accounts, self.stdout.write).run()
        except (WalkError, DeskError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Done. Look at it: {accounts['base_url']}/ui/dashboard")
