"""Writing records: collected while the work is done, chained under one lock, last before the commit."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from django.conf import settings
from django.db import DatabaseError, transaction

from audit.canonical import GENESIS, clean_text, plain, record_hash
from audit.choices import SAFETY_ACTIONS, RecordStatus
from audit.context import Actor, current_actor
from audit.models import AuditRecord
from audit.services.checkpoints import checkpoint_after
from propbot import statements
from propbot.errors import RecordingFailedError
from propbot.redaction import redact

AUDIT_LOCK = 0x50420002
HEAD = """
SELECT coalesce(head.seq, 0), coalesce(head.hash, %s), clock_timestamp()
  FROM (SELECT 1) one LEFT JOIN (SELECT seq, hash FROM audit_auditrecord ORDER BY seq DESC LIMIT 1) head ON true
"""


@dataclass(frozen=True)
class Draft:
    """A record that waits for its place in the chain."""

    action: str
    target: str
    status: str
    details: Mapping[str, object]
    actor: Actor
    spool_id: uuid.UUID | None = field(default=None)


_pending: ContextVar[list[Draft] | None] = ContextVar("propbot_audit_pending", default=None)


def hmac_key() -> bytes:
    """The chain's key. It lives outside the database, so whoever owns only the database cannot rewrite history."""
    key = settings.PROPBOT.text("AUDIT_HMAC_KEY")
    if not key:
        raise RecordingFailedError("AUDIT_HMAC_KEY is not set: nothing can be recorded, so nothing privileged is done")
    return key.encode()


def draft(*, action: str, target: str, status: str, details: Mapping[str, object] | None, actor: Actor | None) -> Draft:
    return Draft(action, target, RecordStatus(status).value, dict(details or {}), actor or current_actor())


def _lock_chain() -> None:
    statements.rows("SELECT pg_advisory_xact_lock(%s)", [AUDIT_LOCK])


def _link(item: Draft, seq: int, previous_hash: str, key: bytes, at: datetime) -> AuditRecord:
    actor = item.actor
    row = AuditRecord(
        seq=seq,
        at=at,
        person_id=clean_text(actor.person_id, 64),
        person=clean_text(actor.name, 128),
        role=clean_text(actor.role, 32),
        channel=clean_text(actor.channel, 32),
        ip=clean_text(actor.ip, 64),
        request_id=clean_text(actor.request_id, 128),
        claimed=clean_text(actor.claimed, 256),
        action=clean_text(item.action, 128),
        target=clean_text(item.target, 512),
        status=item.status,
        details=redact(plain(item.details)),
        spool_id=item.spool_id,
        previous_hash=previous_hash,
    )
    row.hash = record_hash(key, row.hashed_fields())
    return row


def _append(drafts: Sequence[Draft]) -> None:
    key = hmac_key()
    _lock_chain()
    [(seq, previous_hash, asked_at)] = statements.rows(HEAD, [GENESIS])
    at = asked_at.astimezone(UTC)
    rows = []
    for item in drafts:
        row = _link(item, seq + 1, previous_hash, key, at)
        seq, previous_hash = row.seq, row.hash
        rows.append(row)
    statements.insert(*rows)


def _note_safety_events(drafts: Sequence[Draft]) -> None:
    events = [item.action for item in drafts if item.action in SAFETY_ACTIONS and item.status == RecordStatus.EXECUTED]
    if events:
        transaction.on_commit(partial(checkpoint_after, events[-1]), robust=True)


def append(drafts: Sequence[Draft]) -> None:
    """Chain the drafts at the end of the running transaction; RecordingFailedError rolls it back."""
    if not drafts:
        return
    try:
        _append(drafts)
    except DatabaseError as error:
        raise RecordingFailedError(f"the audit record could not be written: {error.__class__.__name__}") from error
    _note_safety_events(drafts)


@contextmanager
def _nested(pending: list[Draft]) -> Iterator[None]:
    before = len(pending)
    try:
        with transaction.atomic():
            yield
    except BaseException:
        # What was rolled back to the savepoint was not done: its records must not say it was.
        del pending[before:]
        raise


@contextmanager
def audited() -> Iterator[None]:
    """One transaction of work and its records (law 4). Nested, it joins the outer one behind a savepoint.

    The records are written last, so that the chain's lock is held for the insert alone and not for
    the work. The outermost one refuses to run inside another transaction: what it answers is durable.
    """
    pending = _pending.get()
    if pending is not None:
        with _nested(pending):
            yield
        return
    collected: list[Draft] = []
    token = _pending.set(collected)
    try:
        with transaction.atomic(durable=True):
            yield
            append(collected)
    finally:
        _pending.reset(token)


def record(
    *,
    action: str,
    target: str = "",
    status: str = "executed",
    details: Mapping[str, object] | None = None,
    actor: Actor | None = None,
) -> None:
    """Record what was done: queued inside ``audited()``, else written now. Raises RecordingFailedError."""
    item = draft(action=action, target=target, status=status, details=details, actor=actor)
    pending = _pending.get()
    if pending is not None:
        pending.append(item)
        return
    try:
        with transaction.atomic():
            append([item])
    except DatabaseError as error:
        raise RecordingFailedError(f"the audit record could not be written: {error.__class__.__name__}") from error
