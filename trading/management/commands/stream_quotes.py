"""``manage.py stream_quotes``: best bid and ask, marks and funding of the allowed symbols onto the quote board."""

import asyncio
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError, CommandParser

from propbot.checks import start_process
from propbot.config import values
from trading.services.quote_stream import stream
from trading.stream_shards import Shard, shard_of, shards


class Command(BaseCommand):
    help = (
        "Stream quotes of all venues onto the quote board until SIGTERM. With STREAM_SHARDS above 1: the symbols of one "
        "share, the first that nobody streams, or the one that --shard names."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--shard", default="", help="this share alone, such as 1/2; stand by while another has it")

    def handle(self, *args: Any, **options: Any) -> None:
        start_process()
        uvloop.run(self._run(wanted_shards(options["shard"])))

    async def _run(self, wanted: list[Shard]) -> None:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await stream(stop, wanted)


def wanted_shards(text: str) -> list[Shard]:
    """Those that this process may take. One of another number of shares would be missed by whoever watches."""
    count = values().integer("STREAM_SHARDS")
    if not text:
        return shards(count)
    try:
        shard = shard_of(text)
    except ValueError as error:
        raise CommandError(f"--shard: {error}") from error
    if shard.count != count:
        raise CommandError(f"--shard: {shard} is not one of STREAM_SHARDS={count}; set both alike for every process")
    return [shard]
