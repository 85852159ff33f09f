"""What /healthz names as dead: read from rows and from the board, on the database's clock."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from propbot.clock import utc_now
from propbot.config import values
from propbot.console.cache import client
from propbot.console.selectors.board import stream_missing

QUEUE_SECONDS = 30.0
BEAT_SECONDS = 15.0
STREAM_SECONDS = 15.0
STALLED_PERIODS = 6
STALLED_AT_LEAST_SECONDS = 30.0
DEMO_NAMES = ("alice", "bob", "vera", "otto")


def failing_checks() -> list[str]:
    """Names of what is dead; empty when the desk is whole. Never raises for what it checks."""
    try:
        found = _database_checks()
    except (DatabaseError, InterfaceError):
        found = ["database"]
    if not redis_answers():
        found.append("redis")
    found += stream_missing(utc_now(), STREAM_SECONDS)
    if values().text("PROFILE") == "simulator" and not demo_accounts_complete():
        found.append("demo_accounts")
    return found


VITALS = """
SELECT clock_timestamp(),
       (SELECT coalesce(json_object_agg(name, extract(epoch FROM clock_timestamp() - beat_at)), '{}')
          FROM upkeep_heartbeat),
       EXISTS (SELECT 1 FROM risk_traderlease WHERE id = 1 AND expires_at > clock_timestamp()),
       EXISTS (SELECT 1 FROM risk_controlsettings WHERE id = 1 AND auto_hedge_enabled),
       (SELECT ran_at FROM trading_taskstate WHERE name = 'scanner'),
       (SELECT ran_at FROM trading_taskstate WHERE name = 'auto_hedge')
"""


def _database_checks() -> list[str]:
    """One question, on the database's clock: the probe runs every few seconds in every environment."""
    with connection.cursor() as cursor:
        cursor.execute(VITALS)
        now, ages, leased, auto_hedge, scanned_at, hedged_at = cursor.fetchone()
    ages = ages if isinstance(ages, dict) else json.loads(ages)
    scan, hedge = values().decimal("SCAN_INTERVAL_SEC"), values().decimal("AUTO_HEDGE_SCAN_SECS")
    checks = {
        # A trader holds an unexpired lease, and a task went through its queue lately.
        "trader": leased and _young(ages, "queue:trading", QUEUE_SECONDS),
        "worker": _young(ages, "queue:ops", QUEUE_SECONDS),
        "beat": _young(ages, "beat", BEAT_SECONDS),
        "scanner": not _stalled(scanned_at, float(scan), now),
        "auto_hedge": not auto_hedge or not _stalled(hedged_at, float(hedge), now),
    }
    return [name for name, alive in checks.items() if not alive]


def _young(ages: dict[str, float], name: str, most: float) -> bool:
    return name in ages and ages[name] <= most


def _stalled(ran_at: datetime | None, period_seconds: float, now: datetime) -> bool:
    most = max(STALLED_AT_LEAST_SECONDS, STALLED_PERIODS * period_seconds)
    return ran_at is None or now - ran_at > timedelta(seconds=most)


def redis_answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False


def demo_accounts_complete() -> bool:
    """The file that ``make run`` promises before it says ok."""
    try:
        document = json.loads((Path(settings.DATA_DIR) / "demo-accounts.json").read_text(encoding="utf-8"))
        return all({"role", "password", "token"} <= set(document["people"][name]) for name in DEMO_NAMES) and all(
            document.get(name) for name in ("base_url", "simulator_url", "flower_url", "approve_token")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False
