"""The hedge log and the state of the desk's periodic tasks."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from trading.choices import AttemptKind
from trading.models import HedgeAttempt, TaskState

RESULTS_WITHOUT_EXECUTION = ("skipped", "refused", "expired", "")


def entry_payload(attempt: HedgeAttempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "ts": attempt.created_at,
        "initiator": attempt.initiator,
        "kind": attempt.kind,
        "symbol": attempt.symbol,
        "spread_bps": attempt.spread_bps,
        "notional_usdt": attempt.notional_usdt,
        "result": attempt.result or attempt.status,
        "reason": attempt.reason or None,
        "simulated": attempt.simulated,
        "hedge_id": attempt.hedge_id,
        "timings": attempt.timings,
    }


def hedge_log(limit: int) -> list[dict[str, Any]]:
    return [entry_payload(attempt) for attempt in HedgeAttempt.objects.order_by("-created_at")[:limit]]


def task_state(name: str) -> TaskState | None:
    return TaskState.objects.filter(name=name).first()


def last_plan() -> dict[str, Any] | None:
    state = task_state("loop")
    return state.details if state else None


def auto_attempts() -> QuerySet[HedgeAttempt]:
    """What auto-hedge really tried, newest first."""
    tried = HedgeAttempt.objects.filter(kind=AttemptKind.AUTO_HEDGE, finished_at__isnull=False)
    return tried.exclude(result__in=RESULTS_WITHOUT_EXECUTION).order_by("-finished_at")


def consecutive_failures() -> int:
    """Failed attempts since the last one that opened."""
    count = 0
    for result in auto_attempts().values_list("result", flat=True)[:100]:
        if result == "opened":
            break
        count += 1
    return count


def auto_hedge_payload(*, enabled: bool) -> dict[str, Any]:
    """The overview's ``auto_hedge``; null where nothing has happened yet."""
    state = task_state("auto_hedge")
    last = auto_attempts().first()
    success = auto_attempts().filter(result="opened").first()
    return {
        "enabled": enabled,
        "last_opportunity_checked_ts": _checked_at(state),
        "last_step_ts": state.ran_at if state else None,
        "last_step_result": state.details.get("result") if state else None,
        "last_execution_result": last.result if last else None,
        "consecutive_failures": consecutive_failures(),
        "last_execution_ts": last.finished_at if last else None,
        "last_success_ts": success.finished_at if success else None,
    }


def _checked_at(state: TaskState | None) -> datetime | str | None:
    return state.details.get("opportunity_checked_at") if state else None


def scanner_payload() -> dict[str, Any]:
    """When the scanner last ran and what it found; ``ran_at`` null: never."""
    state = task_state("scanner")
    return {"ran_at": state.ran_at if state else None, **(state.details if state else {})}
