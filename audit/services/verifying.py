"""Reading what is to be proven, and telling when it is not sound."""

from collections.abc import Iterator
from pathlib import Path

from django.db import connection, transaction

from audit.canonical import GENESIS
from audit.models import AuditRecord
from audit.services.alerts import alert
from audit.services.checkpoints import Checkpoint, checkpoints_path, checkpoints_read, signing_key
from audit.services.recording import hmac_key
from audit.verification import Finding, Verdict, verify_chain

CHUNK = 2000
STATEMENT_TIMEOUT = "10min"


def _rows(after: int) -> Iterator[dict[str, object]]:
    for row in AuditRecord.objects.filter(seq__gt=after).order_by("seq").iterator(chunk_size=CHUNK):
        yield {**row.hashed_fields(), "hash": row.hash}


def _start(checkpoints: list[Checkpoint]) -> tuple[int, str]:
    """The newest checkpoint's record, as the place to begin; what lies before was proven when it was signed."""
    if not checkpoints:
        return 0, GENESIS
    last = checkpoints[-1]
    return int(str(last["seq"])), str(last["head"])


def _begins_as_promised(start: tuple[int, str]) -> Finding | None:
    seq, head = start
    if seq == 0:
        return None
    stored = AuditRecord.objects.filter(seq=seq).values_list("hash", flat=True).first()
    if stored is None:
        return Finding(seq, "a signed checkpoint saw this record, and it is not there")
    return None if stored == head else Finding(seq, "a signed checkpoint saw another record here")


def _verify(checkpoints: list[Checkpoint], from_checkpoint: bool) -> Verdict:
    signer = signing_key()
    start = _start(checkpoints) if from_checkpoint else (0, GENESIS)
    fault = _begins_as_promised(start)
    if fault:
        return Verdict(0, len(checkpoints), fault)
    return verify_chain(
        _rows(start[0]),
        key=hmac_key(),
        checkpoints=checkpoints,
        public_key=signer.public_key() if signer else None,
        start=start,
    )


def verify(*, from_checkpoint: bool = False, path: Path | None = None) -> Verdict:
    """Verify the table against itself and against every checkpoint of ``path`` (default: the desk's file).

    One snapshot of the table is read, so records that are written meanwhile do not disturb it.
    """
    try:
        checkpoints = checkpoints_read(path or checkpoints_path())
    except ValueError as error:
        return Verdict(0, 0, Finding(0, str(error)))
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Only the outermost transaction may choose its isolation, and only before its first query.
            if len(connection.savepoint_ids) == 0:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        return _verify(checkpoints, from_checkpoint)


def verify_and_tell(*, from_checkpoint: bool = False) -> Verdict:
    """The scheduled proof: silent when sound, a critical alert when not."""
    verdict = verify(from_checkpoint=from_checkpoint)
    if verdict.finding:
        text = f"The audit trail is broken at record {verdict.finding.seq}: {verdict.finding.why}"
        alert(kind="audit_broken", severity="critical", text=text, extra={"seq": verdict.finding.seq})
    return verdict
