"""``manage.py record_quotes``: the venues' frames, exactly as they came, in files that the simulator replays."""

import asyncio
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.services.instruments import allowed_symbols
from trading.venues.recorder import record


class Command(BaseCommand):
    help = "Record the live streams of all venues as raw frames (the raw_ws format of the recordings)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="directory of the files")
        parser.add_argument("--symbols", default="", help="comma list; default: the allowed symbols")
        parser.add_argument("--seconds", type=float, default=0, help="end after so long; 0: until SIGTERM")

    def handle(self, *args: Any, **options: Any) -> None:
        symbols = [one for one in options["symbols"].split(",") if one] or allowed_symbols()
        if not symbols:
            raise CommandError("no symbol is allowed: name some with --symbols")
        counts = asyncio.run(self._run(options["out"], symbols, options["seconds"]))
        for venue, count in counts.items():
            self.stdout.write(f"{venue}: {count} frames")

    async def _run(self, out: Path, symbols: list[str], seconds: float) -> dict[str, int]:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        if seconds > 0:
            loop.call_later(seconds, stop.set)
        return await record(out, symbols, stop)
