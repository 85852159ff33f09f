"""What became of each scheduled task: one row per schedule entry, written when the worker has run it.

django-celery-beat's own ``last_run_at`` says when a task was *sent*, and reaches its table only every few minutes.
"""

import time
from typing import Any

from celery import signals
from celery.utils.log import get_logger
from django.db import DatabaseError, InterfaceError, connection

from propbot.upkeep import services

logger = get_logger(__name__)
_started: dict[str, float] = {}


def entry_name(task: Any) -> str | None:
    """The schedule entry that beat sent this run for; None for a task that somebody else sent."""
    request = task.request
    headers = getattr(request, "headers", None) or {}
    name = getattr(request, "periodic_task_name", None) or headers.get("periodic_task_name")
    return str(name) if name else None


@signals.task_prerun.connect
def started(task_id: str, task: Any, **_: Any) -> None:
    if entry_name(task) is not None:
        _started[task_id] = time.monotonic()


@signals.task_postrun.connect
def ended(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    began, name = _started.pop(task_id, None), entry_name(task)
    if began is None or name is None:
        return
    milliseconds = round((time.monotonic() - began) * 1000)
    try:
        services.task_run_note(name=name, state=str(state or "UNKNOWN"), duration_ms=milliseconds)
    except (DatabaseError, InterfaceError) as error:
        # The run itself is over and counts; only the note of it is lost.
        logger.warning("run of %s not noted: %s", name, error.__class__.__name__)
        connection.close()
