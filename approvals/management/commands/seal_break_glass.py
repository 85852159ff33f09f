"""Make the break-glass codes. They are shown once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from approvals.services.glass import NEEDED, glass_seal
from approvals.shell import administrator, command_of


class Command(BaseCommand):
    help = (
        "Make a new set of break-glass codes and void the old one. They are shown once and stored as hashes: print "
        "each on a sheet of its own, seal it in a numbered envelope and give no two to the same person."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--codes", type=int, default=5, help="how many envelopes (3 to 20)")

    def handle(self, *args: Any, **options: Any) -> None:
        with command_of(administrator()):
            made = glass_seal(count=options["codes"])
        for code in made:
            self.stdout.write(f"{code.number}\t{code.text}")
        self.stderr.write(f"any {NEEDED} of these stop and reduce the desk; they open nothing else")
