"""Sending without being shut out: a bounded rate, and one digest of what had to wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from telegram.error import NetworkError, RetryAfter, TelegramError

from propbot.redaction import redact_text

log = structlog.get_logger(__name__)
PER_MINUTE = 20
BURST = 5
LONGEST_MESSAGE = 3500
MOST_WAITING = 200
LONGEST_PAUSE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 1.0
ATTEMPTS = 6


def digest(texts: list[str], dropped: int = 0) -> str:
    """One message of several; what does not fit is counted, not silently lost."""
    if len(texts) == 1 and not dropped and len(texts[0]) <= LONGEST_MESSAGE:
        return texts[0]
    head = f"{len(texts) + dropped} messages, held back and sent together:\n" if len(texts) + dropped > 1 else ""
    body = "\n\n".join(texts)
    room = LONGEST_MESSAGE - len(head) - 40
    cut = body if len(body) <= room else body[:room] + "\n... cut; see the dashboard"
    return f"{head}{cut}" + (f"\n\n{dropped} more were left out" if dropped else "")


class Rate:
    """A token bucket on the loop's clock."""

    def __init__(self, *, per_minute: int, burst: int, now: Callable[[], float]) -> None:
        self._per_second, self._burst, self._now = per_minute / 60, burst, now
        self._tokens, self._at = float(burst), now()

    def wait_seconds(self) -> float:
        """Seconds until one may go; 0 takes it."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second


class Outbox:
    """One task sends; everybody else only puts. What gathers while it must wait goes out as one digest."""

    def __init__(self, send: Callable[[str], Awaitable[object]], *, per_minute: int = PER_MINUTE) -> None:
        self._send = send
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._filled = asyncio.Event()
        self._rate = Rate(per_minute=per_minute, burst=BURST, now=asyncio.get_running_loop().time)

    def put(self, text: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(redact_text(text))
        self._filled.set()

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await self._filled.wait()
            await self._pass_rate()
            held = self._rate_was_hit
            await self._deliver(self._take(all_of_it=held))

    _rate_was_hit = False

    async def _pass_rate(self) -> None:
        self._rate_was_hit = False
        while (seconds := self._rate.wait_seconds()) > 0:
            self._rate_was_hit = True
            await asyncio.sleep(seconds)

    def _take(self, *, all_of_it: bool) -> str:
        if all_of_it:
            text, self._dropped = digest(list(self._waiting), self._dropped), 0
            self._waiting.clear()
        else:
            text = digest([self._waiting.popleft()])
        if not self._waiting:
            self._filled.clear()
        return text

    async def _deliver(self, text: str) -> None:
        pause = FIRST_PAUSE_SECONDS
        for _ in range(ATTEMPTS):
            try:
                await self._send(text)
            except RetryAfter as limit:
                seconds = limit.retry_after
                pause = seconds.total_seconds() if not isinstance(seconds, int) else float(seconds)
                text = self._joined(text)
            except NetworkError as error:
                log.info("telegram_unreachable", cause=error.__class__.__name__)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except TelegramError as error:
                log.warning("telegram_refused_message", cause=error.__class__.__name__)
                return
            else:
                return
            await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
        log.warning("telegram_message_given_up")

    def _joined(self, text: str) -> str:
        """Told to slow down: what waits goes with the message that is tried again."""
        if not self._waiting:
            return text
        return digest([text, self._take(all_of_it=True)])
