"""PropBot's own rate limiter. ccxt's is off: it would delay an order after it was marked as sending."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

MINUTE_SECONDS = 60.0
TOLERANCE_SECONDS = 1e-6  # below it the wait is rounding, and no clock would move by it


class TokenBucket:
    """``rate`` tokens a second up to ``capacity``. Waiters are served in turn; ``block`` stops all of them."""

    def __init__(
        self,
        rate: float,
        capacity: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate, self._capacity = rate, capacity
        self._clock, self._sleep = clock, sleep
        self._tokens = capacity
        self._counted_at = clock()
        self._blocked_until = 0.0
        self._turn = asyncio.Lock()

    def block(self, seconds: float) -> None:
        """Let nothing pass for so long (the venue's Retry-After)."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)

    def leave(self, tokens: float) -> None:
        """No more than so many from now on: the venue has counted what others at this address took, too."""
        self._refill()
        self._tokens = min(self._tokens, max(tokens, 0.0))

    def blocked_seconds(self) -> float:
        return max(0.0, self._blocked_until - self._clock())

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now

    def _wait_seconds(self, cost: float) -> float:
        self._refill()
        return max(self.blocked_seconds(), (cost - self._tokens) / self._rate, 0.0)

    async def acquire(self, cost: float = 1.0) -> None:
        """Take ``cost`` tokens, at most the capacity, waiting as long as it needs."""
        cost = min(cost, self._capacity)
        async with self._turn:
            while (wait := self._wait_seconds(cost)) > TOLERANCE_SECONDS:
                await self._sleep(wait)
            self._tokens -= cost


@dataclass(frozen=True)
class UsedWeight:
    """The venue's own count of the running minute, as it tells it with every answer. ``limit``: where we stop."""

    header: str
    limit: float
    wall: Callable[[], float] = time.time

    def heed(self, bucket: TokenBucket, headers: Mapping[str, str]) -> None:
        """What others at this address have used is gone for us, too; all used: nothing before the next minute."""
        told = next((value for name, value in headers.items() if name.lower() == self.header), "")
        if not (told.isascii() and told.isdigit()):
            return
        left = self.limit - int(told)
        bucket.leave(left)
        if left <= 0:
            bucket.block(MINUTE_SECONDS - self.wall() % MINUTE_SECONDS)
