"""Where a recording is read: recorded time as a function of market time, looping at the end."""

from dataclasses import dataclass


@dataclass
class Window:
    """Recorded milliseconds from `first` to `last`; all feeds of one symbol share one so that they stay aligned."""

    first_ms: int
    last_ms: int

    @property
    def length_ms(self) -> int:
        return max(1, self.last_ms - self.first_ms)

    def recorded_ms(self, at: float) -> int:
        """The recorded time at market second `at`, which may lie before the start."""
        return self.first_ms + int(at * 1000) % self.length_ms

    def lap(self, at: float) -> int:
        return int(at * 1000) // self.length_ms


def common(windows: list[Window]) -> Window | None:
    """What all of them cover, if that is anything."""
    first, last = max(one.first_ms for one in windows), min(one.last_ms for one in windows)
    return Window(first, last) if last > first else None
