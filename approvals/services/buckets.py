"""Token buckets in the database: one atomic statement per request, shared by every process."""

import math
from dataclasses import dataclass

from django.db import connection

TAKE = """
INSERT INTO approvals_ratebucket AS b (key, tokens, at) VALUES (%(key)s, %(burst)s - 1, clock_timestamp())
ON CONFLICT (key) DO UPDATE SET
    tokens = LEAST(%(burst)s, b.tokens + EXTRACT(EPOCH FROM clock_timestamp() - b.at) * %(rate)s) - 1,
    at = clock_timestamp()
WHERE LEAST(%(burst)s, b.tokens + EXTRACT(EPOCH FROM clock_timestamp() - b.at) * %(rate)s) >= 1
RETURNING tokens
"""
MISSING = """
SELECT 1 - LEAST(%(burst)s, tokens + EXTRACT(EPOCH FROM clock_timestamp() - at) * %(rate)s)
FROM approvals_ratebucket WHERE key = %(key)s
"""


@dataclass(frozen=True)
class BucketAnswer:
    allowed: bool
    retry_after_seconds: int = 0


def bucket_take(*, key: str, per_minute: int, burst: int) -> BucketAnswer:
    """Take one of ``key``'s requests; when none is left, how many seconds until the next."""
    values: dict[str, str | float] = {"key": key[:160], "burst": float(burst), "rate": per_minute / 60}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, values)
        if cursor.fetchone():
            return BucketAnswer(True)
        cursor.execute(MISSING, values)
        row = cursor.fetchone()
    missing = max(float(row[0]), 0.0) if row else 0.0
    return BucketAnswer(False, max(1, math.ceil(missing * 60 / per_minute)))
