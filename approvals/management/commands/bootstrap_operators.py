"""Make the first two operators. Runs once."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from approvals.services.people import operators_bootstrap
from approvals.shell import administrator, command_of


class Command(BaseCommand):
    help = "Make the first two operators; their passwords are shown once. Refused once an operator exists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("first")
        parser.add_argument("second")

    def handle(self, *args: Any, **options: Any) -> None:
        names = (options["first"], options["second"])
        passwords = (secrets.token_urlsafe(15), secrets.token_urlsafe(15))
        with command_of(administrator()):
            operators_bootstrap(names=names, passwords=passwords)
        for name, password in zip(names, passwords, strict=True):
            self.stdout.write(f"{name}\t{password}")
