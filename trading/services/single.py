"""One at a time over all processes: a session lock of PostgreSQL that dies with its connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SCAN_LOCK = 0x50420010
AUTO_HEDGE_LOCK = 0x50420011
LOOP_LOCK = 0x50420012
SWEEP_LOCK = 0x50420013


@contextmanager
def only_one(key: int) -> Iterator[bool]:
    """True for the one that runs. Held outside any transaction, so that network calls may happen meanwhile."""
    with only_one_each(key) as taken:
        yield taken[0]


@contextmanager
def only_one_each(*keys: int) -> Iterator[list[bool]]:
    """The same for several pieces of work at once, each with its own answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(key) FROM unnest(%s::bigint[]) AS key", [list(keys)])
        taken = [bool(row[0]) for row in cursor.fetchall()]
    try:
        yield taken
    finally:
        held = [key for key, mine in zip(keys, taken, strict=True) if mine]
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(key) FROM unnest(%s::bigint[]) AS key", [held])
