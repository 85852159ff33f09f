"""Which statements the way to the wire costs, phase by phase: told by the locks that each phase begins with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from risk.services.locks import JOURNAL_LOCKS, SHARED_LOCK
from trading.services.transitions import SENDING_SQL

DECISION, JOURNAL, FIRST_MARK, SECOND_MARK, AFTERWARDS = PHASES = (
    "decision", "journal", "mark of the first order", "between the legs", "afterwards",
)  # fmt: skip
_NEXT = {
    (DECISION, JOURNAL_LOCKS): JOURNAL,
    (JOURNAL, SHARED_LOCK): FIRST_MARK,
    (FIRST_MARK, SHARED_LOCK): SECOND_MARK,
}


NOTED = "FROM sent"  # the second order is stored and marked in one statement


class Phases:
    """Counts by phase. What follows the last mark is afterwards: it waits for no order any more."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(PHASES, 0)
        self._phase, self._marked = DECISION, False

    def note(self, sql: str) -> None:
        ends = self._phase == SECOND_MARK or (self._phase == FIRST_MARK and sql != SHARED_LOCK)
        if self._marked and ends:
            self._phase = AFTERWARDS
        phase = _NEXT.get((self._phase, sql), self._phase)
        if phase != self._phase:
            self._phase, self._marked = phase, False
        self._marked = self._marked or sql == SENDING_SQL or NOTED in sql
        self.counts[self._phase] += 1


@contextmanager
def phases() -> Iterator[Phases]:
    """The statements of this thread's connection."""
    found = Phases()

    def note_one(run: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        found.note(str(sql))
        return run(sql, params, many, context)

    with connection.execute_wrapper(note_one):
        yield found
