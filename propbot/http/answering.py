"""How many requests this process is answering, so that work which can wait lets them go first.

One thread computes at a time: what is built beside a request is built at the request's expense.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Answering:
    def __init__(self) -> None:
        self._changed = Condition()
        self._count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Within the block, one request more is being answered."""
        self._move(1)
        try:
            yield
        finally:
            self._move(-1)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within the block, a request waits for what others do: they must not wait for it in turn."""
        self._move(-1)
        try:
            yield
        finally:
            self._move(1)

    def give_way(self, seconds: float) -> float:
        """Return when nothing is being answered, or after so many seconds; the seconds that it took."""
        began = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0, seconds)
        return time.monotonic() - began

    def _move(self, step: int) -> None:
        with self._changed:
            self._count += step
            if self._count <= 0:
                self._changed.notify_all()


REQUESTS = Answering()
