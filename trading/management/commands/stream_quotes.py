"""``manage.py stream_quotes``: best bid and ask, marks and funding of the allowed symbols onto the quote board."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from propbot.checks import start_process
from trading.services.quote_stream import stream


class Command(BaseCommand):
    help = "Stream quotes of all venues onto the quote board until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        start_process()
        asyncio.run(self._run())

    async def _run(self) -> None:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await stream(stop)
