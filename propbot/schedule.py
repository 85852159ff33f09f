"""What runs when: written into django-celery-beat's tables, where operators may edit it.

Every entry expires within its period or soon after: a task that waited longer is dropped, because the next
tick does its work (RELIABILITY E8).
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from celery.schedules import crontab

from propbot.env import Values


def _every(task: str, seconds: Decimal | float, queue: str, kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
    period = float(seconds)
    return {
        "task": task,
        "schedule": timedelta(seconds=period),
        "kwargs": kwargs or {},
        "options": {"queue": queue, "expire_seconds": max(2, min(int(period * 2), 60))},
    }


def _daily(task: str, hour: int, minute: int, queue: str) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": crontab(hour=str(hour), minute=str(minute)),
        "options": {"queue": queue, "expire_seconds": 3600},
    }


def entries(values: Values) -> dict[str, dict[str, Any]]:
    """The schedule of a desk with these settings, by entry name."""
    return {**_upkeep(), **_records(), **_risk(), **_scanning(values), **_engine(), **_housekeeping()}


def _upkeep() -> dict[str, dict[str, Any]]:
    return {
        "canary of ops": _every("upkeep.canary", 5, "ops", {"queue": "ops"}),
        "canary of trading": _every("upkeep.canary", 5, "trading", {"queue": "trading"}),
        "prune beat slots": _every("upkeep.prune", 600, "ops"),
    }


def _records() -> dict[str, dict[str, Any]]:
    return {
        "audit checkpoint": _every("audit.checkpoint", 60, "ops"),
        "ingest the audit spool": _every("audit.ingest_spool", 5, "ops"),
        "deliver alerts": _every("audit.deliver_alerts", 2, "ops"),
        "bundle incidents": _every("console.incidents", 5, "ops"),
        "verify the audit's last stretch": _every("audit.verify_recent", 900, "ops"),
        "verify the whole audit": _daily("audit.verify", 2, 15, "ops"),
        "expire approvals": _every("approvals.expire_due", 5, "ops"),
        "forget remembered answers": _every("approvals.purge_answers", 300, "ops"),
        "open sealed secrets": _every("approvals.apply_sealed_secrets", 10, "trading"),
    }


def _risk() -> dict[str, dict[str, Any]]:
    return {
        "governor": _every("risk.governor_tick", 5, "ops"),
        "reset the daily budgets": _daily("risk.daily_reset", 0, 0, "ops"),
        "prune governor samples": _every("risk.prune", 3600, "ops"),
    }


def _scanning(values: Values) -> dict[str, dict[str, Any]]:
    return {
        "scan": _every("trading.tasks.scanning.scan_tick", values.decimal("SCAN_INTERVAL_SEC"), "trading"),
        "auto-hedge": _every(
            "trading.tasks.scanning.auto_hedge_tick", values.decimal("AUTO_HEDGE_SCAN_SECS"), "trading"
        ),
        "loop": _every("trading.tasks.scanning.loop_tick", 1, "trading"),
        "sample the basis": _every("trading.tasks.scanning.basis_tick", 1, "ops"),
        "sweep attempts": _every("trading.tasks.attempts.attempts_sweep", 5, "trading"),
    }


def _engine() -> dict[str, dict[str, Any]]:
    """The floor under the trader's own thread: each task runs its duty only if it is due."""
    return {
        "resolve open orders": _every("trading.tasks.engine.resolve_sweep", 2, "trading"),
        "close what is due": _every("trading.tasks.engine.closing_sweep", 2, "trading"),
        "fetch fills": _every("trading.tasks.engine.fills_sweep", 5, "trading"),
        "reconcile": _every("trading.tasks.engine.reconcile", 10, "trading"),
        "refresh instruments": _every("trading.tasks.engine.instruments_refresh", 60, "trading"),
    }


def _housekeeping() -> dict[str, dict[str, Any]]:
    return {
        "snapshot of PnL": _every("trading.tasks.housekeeping.pnl_snapshot_tick", 60, "ops"),
        "score the universe": _every("trading.tasks.housekeeping.universe_score_tick", 300, "ops"),
        "prune old records": _every("trading.tasks.housekeeping.prune", 3600, "ops"),
    }
