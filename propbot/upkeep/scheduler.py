"""The beat scheduler: django-celery-beat's, with a lease, so that two beats run everything once."""

import math
import os
import socket
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from celery.utils.log import get_logger
from django.db import DatabaseError, InterfaceError, connection
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from propbot.upkeep import services

logger = get_logger(__name__)
RENEW_SECONDS = 3.0
STANDBY_SECONDS = 1.0
SHORTEST_SLOT_SECONDS = 0.1
INSTALLED = "installed:"


def slot_of(moment: float, period_seconds: float) -> int:
    """The slot that ``moment`` lies in, as the tenths of a second at which it begins."""
    period = max(period_seconds, SHORTEST_SLOT_SECONDS)
    return math.floor(math.floor(moment / period) * period / SHORTEST_SLOT_SECONDS)


def period_of(schedule: Any) -> float:
    """Seconds between two runs; a crontab runs at most once a minute."""
    run_every = getattr(schedule, "run_every", None)
    return 60.0 if run_every is None else float(run_every.total_seconds())


def fingerprint(entry: Mapping[str, Any]) -> str:
    """What the table said when it wrote a row; stands in the row's description."""
    return f"{INSTALLED} {entry['schedule']!r} {entry.get('kwargs') or {}} {entry.get('options') or {}}"


class LeasedScheduler(DatabaseScheduler):
    """Sends only under the lease, and each tick of a task only after writing its slot.

    The lease keeps a second beat quiet; the slot's unique row holds even where a paused beat wakes up
    and still believes in its lease.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._renew_at = 0.0
        self._held = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        super().setup_schedule()
        former = PeriodicTask.objects.filter(description__startswith=INSTALLED)
        former.exclude(name__in=self.app.conf.beat_schedule).delete()

    def update_from_dict(self, mapping: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what is new or changed in the table; an operator's edit of an unchanged entry stays."""
        marked = {name: {**entry, "description": fingerprint(entry)} for name, entry in mapping.items()}
        kept = dict(PeriodicTask.objects.filter(name__in=marked).values_list("name", "description"))
        super().update_from_dict(
            {name: entry for name, entry in marked.items() if kept.get(name) != entry["description"]}
        )

    def leads(self) -> bool:
        """Whether this beat holds the lease; renewed in time, lost when the database cannot be asked."""
        if self._held and time.monotonic() < self._renew_at:
            return True
        try:
            self._held = services.beat_lease_take(holder=self.holder)
            if self._held:
                services.heartbeat_note(name="beat")
        except (DatabaseError, InterfaceError) as error:
            logger.warning("beat cannot reach its lease: %s", error.__class__.__name__)
            connection.close()
            self._held = False
        self._renew_at = time.monotonic() + RENEW_SECONDS
        return self._held

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if not self.leads():
            return STANDBY_SECONDS
        wait: float = super().tick(*args, **kwargs)
        return min(wait, RENEW_SECONDS)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        slot = slot_of(time.time(), period_of(entry.schedule))
        try:
            claimed = services.beat_slot_claim(task=entry.name, slot=slot)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("tick of %s not sent: %s", entry.name, error.__class__.__name__)
            connection.close()
            return
        if claimed:
            super().apply_entry(entry, producer=producer)

    def close(self) -> None:
        super().close()
        if self._held:
            services.beat_lease_release(holder=self.holder)
