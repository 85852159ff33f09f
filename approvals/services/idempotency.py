"""The first answer to an Idempotency-Key is the only one: same key and body, same answer."""

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from approvals.models import IdempotentAnswer, Person
from audit.canonical import digest
from propbot.clock import database_now
from propbot.errors import RefusedError

PATIENCE_SECONDS = 12.0
IN_PROGRESS = "idempotency_in_progress"
POLL_SECONDS = 0.05
MAX_KEY = 200


@dataclass(frozen=True)
class Claim:
    """``answer`` is None for the caller that must do the work; then ``id`` names the row to fill."""

    id: UUID
    answer: tuple[int, Any] | None = None


def key_checked(key: str) -> str:
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise RefusedError("invalid_idempotency_key", f"an Idempotency-Key is 1 to {MAX_KEY} printable characters")
    return key


def request_digest(method: str, path: str, body: bytes) -> str:
    return digest([method, path, body.hex()])


def _claim_new(person: Person, key: str, wanted: str) -> IdempotentAnswer | None:
    now = database_now()
    IdempotentAnswer.objects.filter(person=person, key=key, expires_at__lte=now).delete()
    row = IdempotentAnswer(
        person=person,
        key=key,
        request_digest=wanted,
        created_at=now,
        expires_at=now + timedelta(seconds=settings.PROPBOT.integer("IDEM_TTL_SEC")),
    )
    # The unique constraint decides who works; asking first would let two through.
    IdempotentAnswer.objects.bulk_create([row], ignore_conflicts=True)
    return row if IdempotentAnswer.objects.filter(pk=row.pk).exists() else None


def _wait(person: Person, key: str, wanted: str, patience: float) -> IdempotentAnswer | None:
    deadline = time.monotonic() + patience
    while True:
        row = IdempotentAnswer.objects.filter(person=person, key=key).first()
        settled = row is None or row.status is not None or row.request_digest != wanted
        if settled or time.monotonic() >= deadline:
            return row
        time.sleep(POLL_SECONDS)


def idempotency_claim(*, person: Person, key: str, wanted: str, patience: float = PATIENCE_SECONDS) -> Claim:
    """Claim the key, or give the answer that it already has.

    Raises RefusedError 409 when the key came with another request, or when the first one is still
    (or, after a crash, for ever) without an answer: what it did is then to be looked up, not repeated.
    """
    key = key_checked(key)
    mine = _claim_new(person, key, wanted)
    if mine is not None:
        return Claim(mine.pk)
    row = _wait(person, key, wanted, patience)
    if row is None:
        raise RefusedError(IN_PROGRESS, "the first request was withdrawn; send it again", status=409)
    if row.request_digest != wanted:
        raise RefusedError("idempotency_conflict", "this Idempotency-Key came with another request", status=409)
    if row.status is None:
        raise RefusedError(IN_PROGRESS, "the first request has no answer yet", status=409)
    return Claim(row.pk, (row.status, json.loads(row.body)))


def idempotency_store(*, claim: Claim, status: int, body: Any) -> None:
    # As text: jsonb would give the names back in another order, and the same answer is the same bytes.
    IdempotentAnswer.objects.filter(pk=claim.id, status=None).update(status=status, body=json.dumps(body))


def idempotency_release(*, claim: Claim) -> None:
    """The request was turned away before anything was done: the key is free again."""
    IdempotentAnswer.objects.filter(pk=claim.id, status=None).delete()


def idempotency_purge() -> int:
    """Forget answers whose time is over; how many."""
    count, _ = IdempotentAnswer.objects.filter(expires_at__lte=database_now()).delete()
    return count
