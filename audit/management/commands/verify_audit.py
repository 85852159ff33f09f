"""Prove the audit trail, or name the first broken record."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.services.verifying import verify
from propbot.errors import RecordingFailedError


class Command(BaseCommand):
    help = "Verify the chain and every checkpoint. --from-checkpoint begins at the newest one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from-checkpoint", action="store_true", help="begin at the newest checkpoint")
        parser.add_argument("--checkpoints", type=Path, default=None, help="a checkpoint file kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            verdict = verify(from_checkpoint=options["from_checkpoint"], path=options["checkpoints"])
        except RecordingFailedError as error:
            raise CommandError(str(error)) from error
        if verdict.finding:
            raise CommandError(f"broken at record {verdict.finding.seq}: {verdict.finding.why}")
        self.stdout.write(f"sound: {verdict.records} records, {verdict.checkpoints} checkpoints")
