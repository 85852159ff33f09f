"""Break-glass: when no approver can be reached, any two of n sealed codes stop the desk and reduce what it holds.

Only hashes are stored. Two different codes of the newest set are needed; the first use opens them for ``OPEN_FOR``,
so that the same two people can repeat or go further, and then they are spent. There is no lockout: a code has 125
random bits, so counting guesses would only help whoever wants to keep the glass whole.
"""

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from approvals.glass import REDUCING, steps_of
from approvals.models import BreakGlassCode
from audit.canonical import clean_text
from audit.context import current_actor
from audit.services import alert, audited, record, spool
from propbot.clock import database_now
from propbot.errors import RecordingFailedError, RefusedError
from propbot.redaction import redact_text

log = structlog.get_logger(__name__)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
GROUPS, GROUP_LENGTH = 5, 5
NEEDED, FEWEST, MOST = 2, 3, 20
OPEN_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class SealedCode:
    """A code as it is printed, once."""

    number: int
    text: str


@dataclass(frozen=True)
class Opening:
    """Which envelopes were opened."""

    set_id: uuid.UUID
    numbers: tuple[int, ...]


def code_new() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(("PBG", *groups))


def digest_of(text: str) -> str:
    """As it may be typed: any case, spaces around. The code is random, so a plain hash tells nothing of it."""
    return hashlib.sha256(text.strip().upper().encode()).hexdigest()


def glass_seal(*, count: int) -> list[SealedCode]:
    """A new set of ``count`` codes; the set before it is withdrawn. Their texts exist only in this answer.

    RefusedError 400 ``invalid_number`` when ``count`` is not from 3 to 20.
    """
    if not FEWEST <= count <= MOST:
        raise RefusedError("invalid_number", f"make {FEWEST} to {MOST} codes", context={"field": "codes"})
    made = [SealedCode(number, code_new()) for number in range(1, count + 1)]
    now, set_id = database_now(), uuid.uuid4()
    with audited():
        replaced = BreakGlassCode.objects.filter(withdrawn_at__isnull=True).update(withdrawn_at=now)
        BreakGlassCode.objects.bulk_create(
            BreakGlassCode(digest=digest_of(code.text), set_id=set_id, number=code.number, made_at=now) for code in made
        )
        record(action="break_glass_seal", target=str(set_id), details={"codes": count, "needed": NEEDED})
        text = f"{count} break-glass codes were sealed by {current_actor().name}; {replaced} older ones are void"
        alert(kind="break_glass_sealed", severity="warning", text=text)
    return made


def _usable(digests: Iterable[str], now: datetime) -> list[BreakGlassCode]:
    """The rows of these codes that still open something, locked; several of one envelope count once."""
    rows = BreakGlassCode.objects.select_for_update().filter(digest__in=set(digests), withdrawn_at__isnull=True)
    return [row for row in rows if row.opened_at is None or now < row.opened_at + OPEN_FOR]


def _mark_opened(digests: Iterable[str]) -> Opening:
    now = database_now()
    rows = _usable(digests, now)
    if len(rows) < NEEDED:
        text = f"{NEEDED} different codes of the newest set are needed, sealed or opened less than an hour ago"
        raise RefusedError("codes_refused", text, status=403)
    BreakGlassCode.objects.filter(pk__in=[row.pk for row in rows], opened_at__isnull=True).update(opened_at=now)
    return Opening(rows[0].set_id, tuple(sorted(row.number for row in rows)))


def _details(opening: Opening, reason: str) -> dict[str, object]:
    return {"set": str(opening.set_id), "envelopes": list(opening.numbers), "reason": reason}


def _open_recorded(digests: Iterable[str], action: str, reason: str) -> Opening:
    with audited():
        opening = _mark_opened(digests)
        record(action="break_glass", target=action, details=_details(opening, reason))
    return opening


def _open(digests: list[str], action: str, reason: str) -> Opening:
    """With its record; from the spool when the audit cannot be written, for what reduces must pass (law 1)."""
    try:
        return _open_recorded(digests, action, reason)
    except RecordingFailedError:
        with transaction.atomic():
            opening = _mark_opened(digests)
        spool(action="break_glass", target=action, details=_details(opening, reason))
        return opening


def _note_refusal(action: str, count: int) -> None:
    try:
        record(action="break_glass", target=action, status="forbidden", details={"codes_given": count})
    except (RecordingFailedError, DatabaseError) as error:
        log.error("refusal_not_recorded", action="break_glass", cause=error.__class__.__name__)
    text = f"{current_actor().name} tried to break the glass with codes that open nothing"
    alert(kind="break_glass_refused", severity="critical", text=text)


def glass_break(*, codes: Iterable[str], action: str, reason: str) -> dict[str, Any]:
    """Stop the desk, and with ``cancel_all`` or ``close_all`` reduce it too; what each step answered.

    The actor of the context is who is named. A step that fails does not keep the next from being tried: ``success`` is
    false then. RefusedError: 400 ``invalid_action``, ``reason_needed``; 403 ``codes_refused``. Never call it inside a
    transaction.
    """
    if action not in REDUCING:
        words = ", ".join(REDUCING)
        raise RefusedError("invalid_action", f"the glass opens only {words}", context={"field": "action"})
    why = redact_text(clean_text(reason)).strip()
    if not why:
        raise RefusedError("reason_needed", "say why no approver can be reached", context={"field": "reason"})
    digests = [digest_of(code) for code in codes]
    try:
        opening = _open(digests, action, why)
    except RefusedError:
        _note_refusal(action, len(digests))
        raise
    numbers = " and ".join(map(str, opening.numbers))
    text = f"BREAK GLASS by {current_actor().name}: {action} with envelopes {numbers}: {why}"
    alert(kind="break_glass", severity="critical", text=text, extra={"action": action, "envelopes": opening.numbers})
    return {"action": action, "envelopes": list(opening.numbers), **_carry_out(action, why)}


def _carry_out(action: str, reason: str) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for name, step in steps_of(action):
        try:
            steps[name] = {"done": True, **step(reason)}
        except (RefusedError, RecordingFailedError, DatabaseError, OSError) as error:
            log.error("break_glass_step_failed", step=name, cause=error.__class__.__name__)
            steps[name] = {"done": False, "detail": str(error)[:500]}
    return {"success": all(step["done"] for step in steps.values()), "steps": steps}


def glass_payload() -> dict[str, Any]:
    """The newest set: which envelopes are sealed, opened or spent. Never a code."""
    now = database_now()
    rows = list(BreakGlassCode.objects.filter(withdrawn_at__isnull=True).order_by("number"))
    return {
        "needed": NEEDED,
        "made_at": rows[0].made_at if rows else None,
        "envelopes": [{"number": row.number, "state": _state(row, now), "opened_at": row.opened_at} for row in rows],
    }


def _state(row: BreakGlassCode, now: datetime) -> str:
    if row.opened_at is None:
        return "sealed"
    return "open" if now < row.opened_at + OPEN_FOR else "spent"
