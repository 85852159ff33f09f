"""docs/configuration.md, written from the table of settings."""

from argparse import BooleanOptionalAction
from itertools import groupby
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from propbot.config import SETTINGS
from propbot.env import Setting

HEAD = """# Settings

Written by `manage.py write_configuration` from `propbot/setting_groups/`; a test keeps it current.

Every name is an environment variable, and `NAME_FILE` may name a file that holds its value. Unknown
`PROPBOT_…` names, stray spaces, unreadable or out-of-range values stop the start with the name and the cure.
A dash means: unset. Limits are the starting values of rows that operators change through the two-person rule.
"""


def _bounds(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    low = "" if setting.minimum is None else f"from {setting.minimum}"
    high = "" if setting.maximum is None else f"to {setting.maximum}"
    return f"{low} {high}".strip()


def _row(setting: Setting) -> str:
    default = "-" if setting.default is None else f"`{setting.default}`" if setting.default else "(blank)"
    names = " / ".join(f"`{name}`" for name in (setting.name, *setting.aliases))
    return f"| {names} | {setting.kind.replace('_', ' ')} | {default} | {_bounds(setting)} | {setting.help} |"


def document() -> str:
    parts = [HEAD]
    for group, rows in groupby(SETTINGS, key=lambda setting: setting.group):
        table = "\n".join(_row(setting) for setting in rows)
        parts.append(
            f"## {group.capitalize()}\n\n| name | kind | default | range | meaning |\n| --- | --- | --- | --- | --- |\n{table}\n"
        )
    return "\n".join(parts)


class Command(BaseCommand):
    help = "Write docs/configuration.md from the table of settings, or check that it is current."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action=BooleanOptionalAction, default=False)

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "configuration.md"
        if not check:
            path.write_text(document(), encoding="utf-8")
        elif path.read_text(encoding="utf-8") != document():
            raise CommandError("docs/configuration.md is not current: run manage.py write_configuration")
