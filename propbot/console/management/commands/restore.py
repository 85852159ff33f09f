"""Bring a backup back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from propbot.console.services.restoring import restore
from propbot.errors import RecordingFailedError
from propbot.upkeep.backup.cipher import BackupError


class Command(BaseCommand):
    help = (
        "Restore a backup into the database of DATABASE_URL, in one transaction. The desk stands in HOLD, SAFE_MODE and "
        "dry run afterwards, and opens nothing before a new start has reconciled. Exit 3: restored, but records are lacking."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace-database", metavar="NAME", help="its name, when it holds a desk already")
        parser.add_argument("--checkpoints", type=Path, help="a newer checkpoint file that was kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            call_command("migrate", interactive=False, verbosity=0)
            done = restore(
                path=options["file"],
                replace_database=options["replace_database"],
                checkpoints=options["checkpoints"],
            )
        except (BackupError, OSError, DatabaseError, RecordingFailedError) as error:
            raise CommandError(f"nothing was restored: {error}") from error
        self.stdout.write(f"restored {done.manifest['id']} of {done.manifest['at']}, generation {done.generation.pk}")
        self.stdout.write(f"audit trail sound up to record {done.lacking.head_seq}. {done.lacking.sentence}")
        for title, names in (("put", done.files), ("left as they stood", done.kept)):
            if names:
                self.stdout.write(f"{title}: {', '.join(names)}")
        self.stdout.write("All API tokens and sessions are void. Next: docs/operations/restore.md, from step 4.")
        if done.lacking.records:
            raise CommandError(done.lacking.sentence, returncode=3)
