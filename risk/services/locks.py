"""The advisory locks of RELIABILITY S4. They end with the transaction that takes them."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

from propbot import statements
from risk.desk import DESK_LOCK, RESERVATIONS_LOCK

Result = TypeVar("Result")
# lock_not_available, deadlock_detected, serialization_failure
RETRIED = frozenset({"55P03", "40P01", "40001"})


LOCK = "SELECT pg_advisory_xact_lock(%s)"
SHARED_LOCK = "SELECT pg_advisory_xact_lock_shared(%s)"
JOURNAL_LOCKS = "SELECT pg_advisory_xact_lock(%s), pg_advisory_xact_lock_shared(%s)"


def _take(sql: str, key: int) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("an advisory lock of a transaction needs a transaction")
    statements.rows(sql, [key])


def desk_lock_exclusive() -> None:
    """Waits for every opening order that is being journaled; whoever comes later waits for us."""
    _take(LOCK, DESK_LOCK)


def desk_lock_shared() -> None:
    _take(SHARED_LOCK, DESK_LOCK)


def reservations_lock() -> None:
    """One intent at a time compares itself with the caps, so that two cannot pass together."""
    _take(LOCK, RESERVATIONS_LOCK)


def journal_locks() -> None:
    """Both at once, the reservations' first: whoever waits there must not keep a HOLD waiting with the desk's."""
    if not connection.in_atomic_block:
        raise RuntimeError("an advisory lock of a transaction needs a transaction")
    statements.rows(JOURNAL_LOCKS, [RESERVATIONS_LOCK, DESK_LOCK])


def with_lock_retry(work: Callable[[], Result], *, attempts: int = 10) -> Result:
    """Run a transaction of the database alone again when it waited too long for a lock or was the deadlock's victim.

    Bounded (RELIABILITY D3, D6). Never for anything that has touched a venue. Outside any transaction only.
    """
    for attempt in range(attempts):
        try:
            return work()
        except OperationalError as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code not in RETRIED or attempt + 1 == attempts or connection.in_atomic_block:
                raise
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - only spreads the retries
    raise AssertionError("unreachable")
