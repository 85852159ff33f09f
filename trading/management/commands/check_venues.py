"""``manage.py check_venues``: what must be true of every venue account before the first order."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.venues.base import Preflight, VenueError
from trading.venues.registry import VenueConfigError, build_client, venue_ids


class Command(BaseCommand):
    help = "Check modes, key rights, environment, clock and cancel timer of every venue; exit 1 with what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("venues", nargs="*", help="venue ids; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        venues = options["venues"] or list(venue_ids())
        results = asyncio.run(_preflights(venues))
        for venue, preflight in results.items():
            self._print(venue, preflight)
        wrong = [venue for venue, preflight in results.items() if not preflight.ok]
        if wrong:
            raise CommandError(f"not fit for trading: {', '.join(wrong)}")

    def _print(self, venue: str, preflight: Preflight) -> None:
        self.stdout.write(f"{venue:<14}{'ok' if preflight.ok else 'NOT OK'}")
        for fact, value in preflight.facts.items():
            self.stdout.write(f"  {fact:<18}{value}")
        for problem in preflight.problems:
            self.stdout.write(f"  problem: {problem}")


async def _preflights(venues: list[str]) -> dict[str, Preflight]:
    found = await asyncio.gather(*(_preflight(venue) for venue in venues))
    return dict(zip(venues, found, strict=True))


async def _preflight(venue: str) -> Preflight:
    try:
        client = build_client(venue, keys=True)
    except VenueConfigError as error:
        return Preflight(ok=False, problems=(str(error),))
    try:
        return await client.preflight()
    except VenueError as error:
        return Preflight(ok=False, problems=(str(error),))
    finally:
        await client.close()
