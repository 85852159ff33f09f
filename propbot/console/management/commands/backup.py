"""Back the desk up."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from propbot.console.services.backup import backup_folder, backup_header, backup_make, backup_read, backups_prune
from propbot.errors import RecordingFailedError
from propbot.upkeep.backup.cipher import BackupError


class Command(BaseCommand):
    help = (
        "Write an encrypted backup of the database, the audit's files and the secrets store, and read it back. "
        "--verify FILE proves an existing one without a database."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", type=Path, default=None, help="the folder (default: DATA_DIR/backups)")
        parser.add_argument("--keep", type=int, default=0, help="delete all but the newest N backups of the folder")
        parser.add_argument("--verify", type=Path, metavar="FILE", help="prove this backup and say what is in it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verify"]:
                self._verify(options["verify"])
            else:
                self._make(options["to"] or backup_folder(), options["keep"])
        except (BackupError, OSError, DatabaseError, RecordingFailedError) as error:
            raise CommandError(str(error)) from error

    def _make(self, folder: Path, keep: int) -> None:
        made = backup_make(folder=folder)
        self.stdout.write(f"{made.path}: {self._contents(made.manifest)}; read back and proven")
        gone = backups_prune(folder=folder, keep=keep) if keep > 0 else []
        if gone:
            self.stdout.write(f"deleted {len(gone)} older backups")
        if made.audit_fault:
            raise CommandError(f"the backup stands, but its audit trail is broken at {made.audit_fault}")

    def _verify(self, path: Path) -> None:
        header = backup_header(path)
        manifest = backup_read(path)
        self.stdout.write(f"proven: made {header['at']} by {manifest['build']}, {self._contents(manifest)}")

    def _contents(self, manifest: dict[str, Any]) -> str:
        tables = [one for one in manifest["members"] if one["kind"] == "table"]
        rows = sum(one["rows"] for one in tables)
        files = len(manifest["members"]) - len(tables)
        return f"{len(tables)} tables, {rows} rows, {files} files, audit trail up to record {manifest['chain']['seq']}"
