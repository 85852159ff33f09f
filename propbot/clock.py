"""Time. Wall time is aware UTC, durations are monotonic, leases and expiries use the database's clock."""

import time
from datetime import UTC, datetime

from django.db import connection


def utc_now() -> datetime:
    return datetime.now(UTC)


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def database_now() -> datetime:
    """The database's wall clock (not the transaction's start), shared by every process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    now: datetime = row[0]
    return now.astimezone(UTC)


def utc_day_start(now: datetime) -> datetime:
    """00:00 UTC of the day that ``now`` lies in: where PropBot's trading day begins."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
