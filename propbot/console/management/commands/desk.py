"""``manage.py desk``: propbotctl, for whoever stands on the desk's own machine."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from propbot.console.cli import main


class Command(BaseCommand):
    help = (
        "The commands of propbotctl (status, hold, resume request, approvals approve ...) behind manage.py: over the same "
        "API with the caller's own API_TOKEN, so that nobody is two people by standing on the machine. --help lists them."
    )
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Every word after ``desk`` is propbotctl's, its options and exit codes, too."""
        main(args=argv[2:], prog_name="manage.py desk")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        main(args=options["words"], prog_name="manage.py desk", standalone_mode=False)
