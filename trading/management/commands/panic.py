"""`manage.py panic [--flatten]`: stop, cancel everywhere, and prove it, with everything else down."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.services.panic import panic
from trading.venues.base import VenueClient
from trading.venues.registry import build_client, venue_ids


class Command(BaseCommand):
    help = (
        "Writes the HOLD file, waits until sent orders have expired, cancels every open order on every venue and, "
        "with --flatten, reduces every position to zero; then reads both venues again. Needs only the exchange keys: "
        "no web, Redis, Celery or database. Exit code 0 only when nothing is left; otherwise it lists what is."
    )
    requires_system_checks: list[str] = []  # a configuration that is wrong elsewhere must not stand in the way

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--flatten", action="store_true", help="also reduce every position to zero, reduce-only")

    def handle(self, *, flatten: bool, **_: Any) -> None:
        clients: dict[str, VenueClient] = {venue: build_client(venue, keys=True) for venue in venue_ids()}
        report = panic(clients=clients, flatten=flatten, say=self.stdout.write)
        for line in [*report.orders_left, *report.unread, *report.positions_left]:
            self.stdout.write(f"LEFT: {line}")
        if not report.clean(flatten=flatten):
            raise CommandError("something is left; see the list above", returncode=2)
        self.stdout.write("PROVED: nothing is left" if flatten else "PROVED: no open order is left")
