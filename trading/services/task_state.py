"""When each periodic task of the desk last ran, and what it said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trading.models import TaskState

SCANNER = "scanner"
BASIS = "basis"
AUTO_HEDGE = "auto_hedge"
LOOP = "loop"


def task_state_note(*, name: str, now: datetime, details: Mapping[str, Any]) -> None:
    """One upsert: the row of a task is written by that task alone."""
    TaskState.objects.update_or_create(name=name, defaults={"ran_at": now, "details": dict(details)})
