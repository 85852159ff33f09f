"""Preparing a desk takes as long as it takes: only processes that serve keep the desk's short timeouts.

A frozen web or trading process must not hold the desk lock (RELIABILITY S4). A migration holds no such lock, and on a
loaded machine it thinks for longer than two seconds between two statements.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections

# Who waits for a lock here waits behind a desk that still runs: that is worth an error, though not within a second.
PATIENT = {"idle_in_transaction_session_timeout": "0", "statement_timeout": "0", "lock_timeout": "10s"}


@contextmanager
def patient(alias: str = "default") -> Iterator[None]:
    """Lift the connection's timeouts until the end of the block."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        for name, value in PATIENT.items():
            cursor.execute(f"SET {name} = '{value}'")
    try:
        yield
    finally:
        _impatient_again(alias)


def _impatient_again(alias: str) -> None:
    try:
        with connections[alias].cursor() as cursor:
            for name in PATIENT:
                cursor.execute(f"RESET {name}")
    except DatabaseError:
        # What it raised already matters more; a new connection has the desk's timeouts anyway.
        connections[alias].close()
