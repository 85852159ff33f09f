"""The bot: python-telegram-bot polls and parses, one function answers, the outbox sends."""

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connections
from telegram import Update
from telegram.error import InvalidToken, NetworkError
from telegram.ext import Application, ApplicationBuilder, TypeHandler

from propbot.config import values
from propbot.console.telegram.answering import DARK, answer, chat_id, forget_old_updates
from propbot.console.telegram.incoming import incoming_of
from propbot.console.telegram.outbox import Outbox
from propbot.console.telegram.reading import status_text

log = structlog.get_logger(__name__)
DEFAULT_BASE = "https://api.telegram.org"
THREADS = 8
LONG_POLL_SECONDS = 20
LONGEST_PAUSE_SECONDS = 30.0
App = Application[Any, Any, Any, Any, Any, Any]


def application() -> App:
    """Commands run beside each other: nobody's slow /close may stand before a /hold."""
    os.environ.setdefault("PTB_TIMEDELTA", "true")  # the library's coming default: durations as timedelta
    base = (values().text("TELEGRAM_API_BASE") or DEFAULT_BASE).rstrip("/")
    built: App = (
        ApplicationBuilder()
        .token(values().text("TELEGRAM_BOT_TOKEN"))
        .base_url(f"{base}/bot")
        .base_file_url(f"{base}/file/bot")
        .concurrent_updates(THREADS)
        .job_queue(None)
        .build()
    )
    return built


def status_or_dark() -> str:
    try:
        forget_old_updates()
        return status_text()
    except (DatabaseError, InterfaceError):
        return DARK
    finally:
        connections.close_all()


class Bot:
    """One process's bot. ``run`` ends when ``stop`` is called or a signal says so."""

    def __init__(self, *, push_seconds: float | None = None) -> None:
        self._push_seconds = push_seconds or values().integer("TELEGRAM_PUSH_MINUTES") * 60
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="telegram")
        self._stopped = asyncio.Event()
        self._app = application()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        self._outbox = Outbox(lambda text: self._app.bot.send_message(chat_id=chat_id(), text=text))
        self._app.add_handler(TypeHandler(Update, self._handle))
        if not await self._initialized():
            return
        await self._app.start()
        await self._poll()
        tasks = [asyncio.create_task(act) for act in (self._outbox.run(), self._push(), self._stopped.wait())]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await self._close()
        for task in ended:
            task.result()  # a bot that can no longer speak ends, and the supervisor starts another

    async def _initialized(self) -> bool:
        """Telegram may be away when the desk starts: ask again, ever more slowly."""
        pause = 1.0
        while not self._stopped.is_set():
            try:
                await self._app.initialize()
            except InvalidToken:
                raise
            except NetworkError as error:
                log.warning("telegram_unreachable", cause=error.__class__.__name__)
                await self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                return True
        return False

    async def _poll(self) -> None:
        if self._app.updater is None:
            raise RuntimeError("the application was built without an updater")
        await self._app.updater.start_polling(
            timeout=LONG_POLL_SECONDS, bootstrap_retries=-1, allowed_updates=["message"], error_callback=_poll_failed
        )
        log.info("telegram_polling")

    async def _close(self) -> None:
        if self._app.updater is not None:
            await self._app.updater.stop()
        await self._app.stop()
        await self._app.shutdown()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _pause(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()

    async def _in_thread(self, act: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, *arguments)

    async def _handle(self, update: Update, context: Any) -> None:
        text = await self._in_thread(answer, incoming_of(update))
        if text:
            self._outbox.put(text)

    async def _push(self) -> None:
        while not self._stopped.is_set():
            self._outbox.put(await self._in_thread(status_or_dark))
            await self._pause(self._push_seconds)


def _poll_failed(error: Exception) -> None:
    log.warning("telegram_poll_failed", cause=error.__class__.__name__)


async def serve() -> None:
    """Until SIGTERM or SIGINT."""
    bot = Bot()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, bot.stop)
    await bot.run()
