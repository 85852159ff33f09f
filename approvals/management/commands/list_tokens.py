"""List the bearer tokens: whose, until when, last used. Never the token."""

from typing import Any

from django.core.management.base import BaseCommand
from knox.models import AuthToken

from approvals.models import TokenNote


class Command(BaseCommand):
    help = "List bearer tokens by fingerprint."

    def handle(self, *args: Any, **options: Any) -> None:
        notes = {note.digest: note for note in TokenNote.objects.select_related("person")}
        self.stdout.write("fingerprint\tperson\tlabel\texpires\tlast used")
        for token in AuthToken.objects.select_related("user").order_by("created"):
            note = notes.get(token.digest)
            self.stdout.write("\t".join(self._cells(token, note)))

    @staticmethod
    def _cells(token: AuthToken, note: TokenNote | None) -> list[str]:
        name = note.person.name if note else token.user.get_username()
        used = note.last_used_at if note else None
        return [
            token.digest[:12],
            name,
            note.label if note else "",
            token.expiry.isoformat() if token.expiry else "never",
            used.isoformat() if used else "never",
        ]
