"""Take over the bearer tokens of the secrets store as hashes."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from approvals.actions import role_now
from approvals.models import Person
from approvals.services.people import token_import
from approvals.shell import administrator, command_of
from propbot.errors import RefusedError
from propbot.secrets_store import OperatorToken, SecretsStoreError, open_store

HOURS = 24 * 90


class Command(BaseCommand):
    help = "Import operator_tokens of the secrets store for persons that exist with that role; the others are named."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            store = open_store(settings.PROPBOT)
            entries = store.operator_tokens() if store else []
        except SecretsStoreError as error:
            raise CommandError(str(error)) from error
        for entry in entries:
            with command_of(administrator()):
                self.stdout.write(f"{entry.name}: {self._import(entry)}")

    @staticmethod
    def _import(entry: OperatorToken) -> str:
        """A file creates nobody and promotes nobody: persons and roles are approved by two people."""
        person = Person.objects.filter(name=entry.name).first()
        if person is None:
            return "skipped, there is no such person"
        if role_now(person) != entry.role:
            return f"skipped, the person is {role_now(person)}, not {entry.role}"
        try:
            new = token_import(person=person, text=entry.token, hours=HOURS)
        except RefusedError as error:
            return f"skipped, {error.message}"
        return "imported" if new else "known already"
