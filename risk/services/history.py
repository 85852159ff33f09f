"""Is this database the one that the files beside the data have seen? Asked at every start of the trader (RELIABILITY D8).

A database that was exchanged or set back by other means than ``manage.py restore`` still says where the desk stood
then, not what stands at the venues now. The start itself engages HOLD and asks for two clean rounds; here it is told
to people, on the record.
"""

import json

import structlog

from audit.selectors import chain_head
from audit.services import alert, record
from audit.services.checkpoints import checkpoints_path
from propbot.upkeep.generation import generation_begin, generation_note, generation_noted, generation_now
from propbot.upkeep.models import Generation

log = structlog.get_logger(__name__)
LAST_BYTES = 4096


def last_promise() -> tuple[int, str] | None:
    """Number and hash of the record that the newest checkpoint saw; None without one that can be read."""
    path = checkpoints_path()
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_BYTES))
            document = json.loads(file.read().splitlines()[-1])
            return int(document["seq"]), str(document["head"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def exchanged() -> str | None:
    """Why this is not the database that the files have seen; None when it is."""
    noted, current = generation_noted(), generation_now()
    if noted is not None and noted != str(current.pk):
        return f"the data directory belongs to generation {noted or 'unreadable'}, the database to {current.pk}"
    promise, head = last_promise(), chain_head()
    if promise is not None and promise[0] > head.seq:
        return f"a signed checkpoint saw {promise[0]} audit records, the database has {head.seq}"
    return None


def history_settle() -> Generation:
    """Begin a new generation when the database was exchanged, and tell it. Nothing else may be assumed of it."""
    why = exchanged()
    if why is None:
        row = generation_now()
    else:
        promise, head = last_promise(), chain_head()
        lost = max(0, promise[0] - head.seq) if promise else 0
        row = generation_begin(origin=Generation.Origin.REPLACED, head_seq=head.seq, lost_records=lost, note=why)
        details = {"generation": str(row.pk), "why": why, "head_seq": head.seq, "lost_records": lost}
        record(action="database_replaced", target="desk", details=details)
        text = f"The database was exchanged or set back: {why}. Nothing opens before two clean reconciliation rounds"
        alert(kind="database_replaced", severity="critical", text=text, extra=details)
    try:
        if generation_noted() != str(row.pk):
            generation_note(row)
    except OSError as error:
        # It is told again at the next start; nothing is lost by that.
        log.error("generation_not_noted", cause=error.__class__.__name__)
    return row
