"""Revoke a bearer token by its fingerprint."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from approvals.services.people import token_revoke
from approvals.shell import administrator, command_of


class Command(BaseCommand):
    help = "Revoke the token with this fingerprint (see list_tokens)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("fingerprint")

    def handle(self, *args: Any, **options: Any) -> None:
        with command_of(administrator()):
            name = token_revoke(fingerprint=options["fingerprint"])
        self.stdout.write(f"revoked a token of {name}")
