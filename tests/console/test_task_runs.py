"""Background tasks: what the page says of them is what the workers did."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from propbot.clock import utc_now
from propbot.console.selectors.records import background_tasks
from propbot.upkeep import runs
from propbot.upkeep.models import TaskRun

pytestmark = pytest.mark.django_db


def scheduled(name: str = "scan", seconds: int = 5) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name=name, task="trading.scan", interval=every)


def ran(name: str | None, state: str = "SUCCESS", task_id: str = "one") -> None:
    """Celery's own signals, as a worker sends them around a run."""
    task: Any = SimpleNamespace(request=SimpleNamespace(headers={"periodic_task_name": name} if name else None))
    runs.started(task_id=task_id, task=task)
    runs.ended(task_id=task_id, task=task, state=state)


def shown(name: str = "scan") -> dict[str, Any]:
    return next(row for row in background_tasks(utc_now()) if row["name"] == name)


def test_a_task_that_never_ran_says_no_data() -> None:
    scheduled()
    assert shown()["status"] == "NO DATA"
    assert shown()["last_run_at"] is None
    assert shown()["runs"] is None


def test_each_run_is_counted_with_its_end_and_its_time() -> None:
    scheduled()
    ran("scan")
    ran("scan", "FAILURE")
    row = shown()
    assert (row["runs"], row["failures"], row["last_state"], row["status"]) == (2, 1, "FAILURE", "ERROR")
    ran("scan")
    row = shown()
    assert (row["runs"], row["failures"], row["status"]) == (3, 1, "OK")
    assert row["duration_ms"] >= 0


def test_a_task_that_has_not_run_for_several_periods_is_an_error() -> None:
    scheduled()
    ran("scan")
    TaskRun.objects.update(ran_at=utc_now() - timedelta(seconds=21))
    assert shown()["status"] == "ERROR"


def test_a_task_that_nobody_scheduled_leaves_no_row() -> None:
    ran(None)
    assert not TaskRun.objects.exists()
