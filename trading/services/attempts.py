"""The hedge log as a queue: an attempt is a committed row first, then a message that only names it.

Claimed by compare-and-swap, so a message delivered twice acts once; ``not_after`` drops what comes late; a sweep finds
what a lost message or a dead trader left behind (RELIABILITY S11).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from audit.context import Actor, acting_as, current_actor
from audit.services import audited, record, spool
from propbot.clock import database_now
from propbot.errors import RecordingFailedError, RefusedError
from trading.choices import AttemptKind, AttemptStatus
from trading.entry_types import Answer, EntryRequest
from trading.models import Hedge, HedgeAttempt
from trading.runtime.handle import trader
from trading.services.attempt_rows import ENTRY_SECONDS, attempt_ensure
from trading.services.cancel_all import CancelReport, cancel_everywhere
from trading.services.closing import CloseResult, close_all, hedge_close
from trading.services.entry import entry_execute
from trading.services.transitions import attempt_move

log = structlog.get_logger(__name__)
ENTRY_KINDS = frozenset({AttemptKind.EXECUTE, AttemptKind.CONFIRM, AttemptKind.AUTO_HEDGE, AttemptKind.LOOP})
# Reductions are worth doing late: a close that waited for a restarting trader still reduces.
REDUCTION_SECONDS = 120
LOST_AFTER = timedelta(seconds=2)
WORKING = frozenset({"closing", "unresolved", "opening"})
AUDIT_STATUS = {"opened": "executed", "closed": "executed", "done": "executed", "failed": "failed", "expired": "failed"}


def _store(attempt: HedgeAttempt, action: str, target: str, details: Mapping[str, Any]) -> HedgeAttempt:
    """The row and its record commit together; a reduction passes with the spool when the audit cannot be written."""
    try:
        with audited():
            attempt.save(force_insert=True)
            record(action=action, target=target, status="requested", details=details)
    except RecordingFailedError:
        if attempt.kind in ENTRY_KINDS:
            raise
        with transaction.atomic():
            attempt.save(force_insert=True)
        spool(action=action, target=target, status="requested", details=details)
    return attempt


def attempt_create(*, request: EntryRequest) -> HedgeAttempt:
    now = database_now()
    attempt = HedgeAttempt(
        kind=request.kind,
        initiator=request.initiator,
        initiator_id=request.initiator_id or None,
        symbol=request.symbol,
        strategy=request.strategy,
        request=request.to_json(),
        notional_usdt=request.notional_usdt,
        created_at=now,
        not_after=now + timedelta(seconds=ENTRY_SECONDS),
    )
    return _store(attempt, f"hedge_{request.kind}", request.symbol, attempt.request)


def reduction_create(*, kind: str, hedge: Hedge | None, reason: str) -> HedgeAttempt:
    """A close, flatten or complete of one hedge; without one, the closing of all."""
    now, actor = database_now(), current_actor()
    attempt = HedgeAttempt(
        kind=kind,
        initiator=actor.name,
        initiator_id=actor.person_id or None,
        symbol=hedge.symbol if hedge else "",
        strategy=hedge.strategy if hedge else "",
        notional_usdt=hedge.notional_usdt if hedge else None,
        request={
            "hedge_id": str(hedge.id) if hedge else None,
            "reason": reason,
            "channel": actor.channel,
            "role": actor.role,
        },
        simulated=hedge.simulated if hedge else None,
        hedge=hedge,
        created_at=now,
        not_after=now + timedelta(seconds=REDUCTION_SECONDS),
    )
    return _store(attempt, f"hedge_{kind}", str(hedge.id) if hedge else "all", attempt.request)


def _finished(attempt: HedgeAttempt, answer: Answer) -> dict[str, Any]:
    """Where an ended attempt moves, and its columns."""
    hedge_id = UUID(answer.hedge_id) if answer.hedge_id else attempt.hedge_id
    return {
        "to": AttemptStatus.EXPIRED if answer.result == "expired" else AttemptStatus.DONE,
        "result": answer.result[:32],
        "reason": answer.reason[:64],
        "answer": answer.to_json(),
        "spread_bps": answer.spread_bps,
        "simulated": attempt.simulated if answer.simulated is None else answer.simulated,
        "hedge_id": hedge_id,
        "timings": answer.timings or (_hedge_timings(hedge_id) if hedge_id else {}),
    }


def _hedge_timings(hedge_id: UUID) -> dict[str, Any]:
    return Hedge.objects.filter(pk=hedge_id).values_list("timings", flat=True).first() or {}


def attempt_finish(*, attempt: HedgeAttempt, answer: Answer, expect: str) -> bool:
    """Compare-and-swap from ``expect`` to its end, with the audit record; False when it had moved on."""
    attempt_ensure(attempt=attempt)
    attempt.status = expect
    details = {"attempt": str(attempt.pk), "result": answer.result, "reason": answer.reason, "hedge": answer.hedge_id}
    columns = _finished(attempt, answer)
    try:
        with audited():
            ended = attempt_move(attempt=attempt, at_field="finished_at", **columns)
            if ended:
                record(
                    action=f"hedge_{attempt.kind}", target=attempt.symbol or "all", details=details,
                    status=AUDIT_STATUS.get(answer.result, "denied"),
                )  # fmt: skip
    except RecordingFailedError:
        # The order is already at the venue: its end must be stored, and the record follows from the spool.
        attempt.status = expect
        ended = attempt_move(attempt=attempt, at_field="finished_at", **columns)
        spool(action=f"hedge_{attempt.kind}", target=attempt.symbol or "all", status="executed", details=details)
    return ended


def attempt_claim(*, attempt_id: UUID, epoch: int) -> HedgeAttempt | None:
    """The attempt, if it is ours to run: still requested, and not too late by the database's clock."""
    attempt = HedgeAttempt.objects.filter(pk=attempt_id, status=AttemptStatus.REQUESTED).first()
    if attempt is None:
        return None
    claimed = attempt_move(
        attempt=attempt, to=AttemptStatus.CLAIMED, in_time=True, at_field="claimed_at", claimed_epoch=epoch
    )
    return attempt if claimed else None


def expired_answer(attempt: HedgeAttempt) -> Answer:
    message = "the trader did not take the request in time; nothing was sent"
    shown = {"error": "trader_unavailable", "message": message, "attempt_id": str(attempt.pk)}
    return Answer(503, {"detail": shown, **shown}, "expired", "trader_unavailable")


def attempt_expire(*, attempt: HedgeAttempt) -> bool:
    """Too late or never taken: it will not run any more. False when the trader has it."""
    return attempt_finish(attempt=attempt, answer=expired_answer(attempt), expect=AttemptStatus.REQUESTED)


def attempt_execute(*, attempt_id: UUID) -> dict[str, Any] | None:
    """In the trader: claim, act, store the answer. None when it was another's, or too late."""
    runtime = trader()
    if runtime.standby:
        return None
    attempt = attempt_claim(attempt_id=attempt_id, epoch=runtime.epoch)
    if attempt is None:
        return None
    with acting_as(initiator_of(attempt)):
        answer = attempt_perform(attempt)
    return answer.to_json()


def initiator_of(attempt: HedgeAttempt) -> Actor:
    person_id = str(attempt.initiator_id or "")
    channel = str(attempt.request.get("channel") or "system")
    role = str(attempt.request.get("role") or ("operator" if person_id else ""))
    return Actor(attempt.initiator, person_id=person_id, role=role, channel=channel)


def attempt_perform(attempt: HedgeAttempt) -> Answer:
    """Runs a claimed attempt to its end. What goes wrong unforeseen still ends it, and then surfaces."""
    try:
        answer = _act(attempt)
    except RefusedError as refused:
        shown = {"error": refused.code, "message": refused.message, **refused.context}
        answer = Answer(refused.status, {"detail": shown, **shown}, "refused", refused.code)
    except Exception:
        # An attempt must not stay claimed for ever; the error itself goes on to the task's log and counter.
        shown = {"error": "internal_error", "message": "the attempt broke off", "attempt_id": str(attempt.pk)}
        broken = Answer(503, {"detail": shown, **shown}, "failed", "internal_error")
        attempt_finish(attempt=attempt, answer=broken, expect=AttemptStatus.CLAIMED)
        raise
    attempt_finish(attempt=attempt, answer=answer, expect=AttemptStatus.CLAIMED)
    return answer


def _act(attempt: HedgeAttempt) -> Answer:
    if attempt.kind in ENTRY_KINDS:
        return entry_execute(request=EntryRequest.from_json(attempt.request), attempt=attempt)
    if attempt.kind == AttemptKind.CANCEL_ALL:
        return _canceled(cancel_everywhere())
    reason = str(attempt.request.get("reason") or "operator")
    if attempt.hedge_id is None:
        return _closed_all(close_all(reason=reason))
    return _closed(attempt, hedge_close(hedge_id=attempt.hedge_id, reason=reason, kind=attempt.kind))


def _canceled(report: CancelReport) -> Answer:
    """``left`` and ``unread`` say what is not proved to be gone; ``cancelled`` is the contract's spelling."""
    body = {
        "success": report.clean,
        "status": "canceled" if report.clean else "incomplete",
        "cancelled": report.canceled,
        "left": report.left,
        "unread": report.unread,
    }
    return Answer(200, body, "done" if report.clean else "failed", "" if report.clean else "orders_left")


def _closed(attempt: HedgeAttempt, result: CloseResult) -> Answer:
    status = str(result.hedge.status)
    wanted = "open" if attempt.kind == AttemptKind.COMPLETE else "closed"
    body = {
        **result.answer,
        "success": status == wanted,
        "hedge_id": str(result.hedge.pk),
        "realized_pnl_usdt": result.hedge.realized_pnl_usdt,
    }
    return Answer(
        202 if status in WORKING else 200,
        body,
        "done" if status == "open" else status,
        simulated=result.hedge.simulated,
    )


def _closed_all(results: Sequence[CloseResult]) -> Answer:
    hedges = [{"hedge_id": str(one.hedge.pk), "status": str(one.hedge.status)} for one in results]
    done = all(row["status"] == "closed" for row in hedges)
    body = {"success": done, "status": "closed" if done else "closing", "positions": hedges}
    return Answer(200 if done else 202, body, str(body["status"]))


def lost_attempts() -> QuerySet[HedgeAttempt]:
    """Committed, not late, and yet not taken: their message was lost."""
    return HedgeAttempt.objects.filter(
        status=AttemptStatus.REQUESTED, not_after__gt=Now(), created_at__lt=database_now() - LOST_AFTER
    )


def attempt_sweep() -> dict[str, int]:
    """Runs in the trader: expires what is late, runs what was lost, ends what a dead trader had claimed."""
    late = HedgeAttempt.objects.filter(status=AttemptStatus.REQUESTED, not_after__lte=Now())
    expired = sum(attempt_expire(attempt=attempt) for attempt in late)
    lost = [attempt_execute(attempt_id=attempt.pk) for attempt in lost_attempts()]
    orphans = HedgeAttempt.objects.filter(status=AttemptStatus.CLAIMED, claimed_epoch__lt=trader().epoch)
    broken = [attempt_interrupted(attempt=attempt) for attempt in orphans]
    return {"expired": expired, "lost": len(lost), "interrupted": len(broken)}


def attempt_interrupted(*, attempt: HedgeAttempt) -> bool:
    """Its trader died with it. Recovery settles the hedge; the log says where it stood."""
    hedge = Hedge.objects.filter(attempts=attempt).first()
    body = {"status": hedge.status if hedge else "interrupted", "hedge_id": str(hedge.id) if hedge else None}
    answer = Answer(202, body, "interrupted", "trader_restarted", simulated=hedge.simulated if hedge else None)
    return attempt_finish(attempt=attempt, answer=answer, expect=AttemptStatus.CLAIMED)
