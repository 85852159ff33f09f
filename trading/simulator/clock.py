"""Two times: what the venues' clocks say, and how far the market has moved on."""

import time


class Clock:
    """Wall time in milliseconds, and market time in seconds since the start, `speed` times as fast.

    Only the market runs faster: requests are signed with the caller's wall clock, so venue
    timestamps must stay wall time at any speed.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._started = time.monotonic()
        self.started_ms = int(time.time() * 1000)

    def now_ms(self) -> int:
        return int(time.time() * 1000)

    def market(self) -> float:
        """Seconds of market time since the start."""
        return (time.monotonic() - self._started) * self.speed
