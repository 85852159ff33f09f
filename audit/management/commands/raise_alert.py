"""An alert from outside the desk's own processes: the supervisor, a cron job, a person."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.choices import Severity
from audit.services import alert


class Command(BaseCommand):
    help = "Raise an alert: it is stored, shown and delivered like the desk's own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text", help="what happened, in one sentence")
        parser.add_argument("--kind", default="manual", help="one word to sort alerts by")
        parser.add_argument("--severity", default=Severity.WARNING.value, choices=[one.value for one in Severity])

    def handle(self, *args: Any, text: str, kind: str, severity: str, **options: Any) -> None:
        alert(kind=kind, severity=severity, text=text)
