"""Old rows of high-volume tables go in batches: each a short statement in a transaction of its own.

One DELETE for everything works until there is a backlog: after a weekend without a worker it outlasts the desk's
statement timeout, fails, and finds more the next time.
"""

import time
from typing import Any

from django.db.models import QuerySet

BATCH = 5000
# Of each hour: what is left waits for the next.
BUDGET_SECONDS = 30.0


def rows_prune(old: "QuerySet[Any]", *, batch: int = BATCH, seconds: float = BUDGET_SECONDS) -> int:
    """Delete what ``old`` selects, by an indexed column, until nothing is left or the time is over; how many went."""
    until, gone = time.monotonic() + seconds, 0
    while True:
        count: int = old.model.objects.filter(pk__in=old.order_by().values("pk")[:batch]).delete()[0]
        gone += count
        if count < batch or time.monotonic() > until:
            return gone
