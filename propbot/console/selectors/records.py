"""What happened: operator actions, alerts, skips, blocks, background tasks, the governor's last sample."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django_celery_beat.models import PeriodicTask

from audit.models import AuditRecord, OpsAlert
from propbot.upkeep.models import TaskRun
from risk.models import EntryBlock, GovernorSample, RiskSkip
from risk.services.limits import limits_read
from risk.throttle import published, throttle_of

SKIP_WINDOW = timedelta(hours=24)
MACHINES = ("system", "autopilot")
LATE_PERIODS = 3
LATE_SECONDS = 5.0


def operator_actions(limit: int = 12) -> list[dict[str, Any]]:
    """What people did or tried, newest first."""
    rows = AuditRecord.objects.exclude(channel__in=MACHINES)[:limit]
    return [
        {
            "seq": row.seq,
            "at": row.at,
            "person": row.person,
            "role": row.role,
            "channel": row.channel,
            "action": row.action,
            "target": row.target,
            "status": row.status,
            "details": row.details,
        }
        for row in rows
    ]


def recent_alerts(limit: int = 12) -> list[dict[str, Any]]:
    return [
        {"ts": row.at, "kind": row.kind, "severity": row.severity, "text": row.text, "extra": row.extra}
        for row in OpsAlert.objects.all()[:limit]
    ]


def risk_skips(now: datetime) -> list[dict[str, Any]]:
    """Skips of the last 24 h by reason and cap."""
    rows = (
        RiskSkip.objects.filter(at__gte=now - SKIP_WINDOW)
        .order_by()
        .values("reason", "cap")
        .annotate(count=Count("pk"))
        .order_by("-count")[:8]
    )
    return [dict(row) for row in rows]


def standing_blocks() -> list[dict[str, Any]]:
    return [
        {"what": row.symbol or row.venue, "source": row.source, "reason": row.reason, "since": row.since}
        for row in EntryBlock.objects.filter(lifted_at__isnull=True)
    ]


def governor_figures() -> dict[str, Any] | None:
    row = GovernorSample.objects.first()
    if row is None:
        return None
    return {
        "at": row.at,
        "realized_pnl_today": row.realized_today_usdt,
        "unrealized_pnl": row.unrealized_usdt,
        "clock_skew_ms": row.clock_skew_ms,
        "per_venue": row.per_venue,
        "per_symbol": row.per_symbol,
        "venues": row.venues,
        "breaches": [_sentence(item) for item in row.breaches],
        "entry_stops": [_sentence(item) for item in row.entry_stops],
        "throttle": published(throttle_of(row.realized_today_usdt, limits_read().value("MAX_DAILY_LOSS_USDT"))),
    }


def _sentence(item: Any) -> str:
    return str(item[-1]) if isinstance(item, list) and item else str(item)


def background_tasks(now: datetime) -> list[dict[str, Any]]:
    """The schedule, and how the last run of each entry ended, as the worker that ran it noted."""
    ran = {row.name: row for row in TaskRun.objects.all()}
    rows = PeriodicTask.objects.select_related("interval", "crontab").exclude(task="celery.backend_cleanup")
    return [_background_task(row, ran.get(row.name), now) for row in rows.order_by("name")]


def _background_task(row: PeriodicTask, ran: TaskRun | None, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "task": row.task,
        "every": _every(row),
        "last_run_at": ran.ran_at if ran else None,
        "duration_ms": ran.duration_ms if ran else None,
        "runs": ran.runs if ran else None,
        "failures": ran.failures if ran else None,
        "last_state": ran.state if ran else None,
        "status": _task_status(row, ran, now),
    }


def _every(row: PeriodicTask) -> str:
    if row.interval is not None:
        span = _seconds(row)
        return f"{span:g} s" if span < 600 else f"{span / 60:g} min"
    return f"at {row.crontab.hour}:{str(row.crontab.minute).zfill(2)} UTC" if row.crontab else ""


def _seconds(row: PeriodicTask) -> float:
    return float(row.interval.schedule.run_every.total_seconds())


def _task_status(row: PeriodicTask, ran: TaskRun | None, now: datetime) -> str:
    if not row.enabled:
        return "WARN"
    if ran is None:
        return "NO DATA"
    if ran.state == "FAILURE":
        return "ERROR"
    if row.interval is None:
        return "OK"  # daily ones: beat's own health is what matters between two runs
    late = timedelta(seconds=LATE_PERIODS * _seconds(row) + LATE_SECONDS)
    return "ERROR" if now - ran.ran_at > late else "OK"
