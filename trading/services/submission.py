"""The web side of an attempt: commit the row, name it to the trader, wait a little for the row to end."""

import time
from uuid import UUID

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from propbot.errors import RefusedError
from risk.selectors import orders_are_simulated
from risk.services.gate import request_limits_check
from trading.choices import AttemptStatus
from trading.entry_types import Answer, EntryRequest
from trading.models import Hedge, HedgeAttempt
from trading.selectors import desk_checks
from trading.services import entry_plan
from trading.services.attempts import (
    ENTRY_KINDS,
    attempt_create,
    attempt_expire,
    attempt_finish,
    expired_answer,
    reduction_create,
)
from trading.services.entry import refused_answer

log = structlog.get_logger(__name__)
TASK = "trading.tasks.attempts.attempt_run"
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.025


def entry_submit(*, request: EntryRequest) -> Answer:
    """Refuses early what needs no venue; the trader checks everything again in SPEC 6's order."""
    attempt = attempt_create(request=request)
    try:
        early_checks(request)
    except RefusedError as refused:
        answer = refused_answer(refused, request, None)
        attempt_finish(attempt=attempt, answer=answer, expect=AttemptStatus.REQUESTED)
        return answer
    return attempt_dispatch(attempt=attempt)


def early_checks(request: EntryRequest) -> None:
    desk = desk_checks.assert_running()
    desk_checks.assert_reconciled(desk.trader_epoch)
    request_limits_check(entry_plan.draft_intent(request, simulated=orders_are_simulated(desk)))
    desk_checks.assert_allowed(request.symbol)


def reduction_submit(*, kind: str, hedge: Hedge | None, reason: str) -> Answer:
    return attempt_dispatch(attempt=reduction_create(kind=kind, hedge=hedge, reason=reason))


def attempt_dispatch(*, attempt: HedgeAttempt) -> Answer:
    """Name the row to the trader and wait. The row outlives a lost message: the trader's sweep finds it."""
    try:
        current_app.send_task(
            TASK, args=[str(attempt.pk)], queue="trading", expires=WAIT_SECONDS, ignore_result=True, retry=False
        )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("trader_not_told", attempt=str(attempt.pk), error=error.__class__.__name__)
    return attempt_wait(attempt_id=attempt.pk)


def attempt_wait(*, attempt_id: UUID) -> Answer:
    """Look at the row until it has ended: it is the answer's one home, so no second store can contradict it."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        if HedgeAttempt.objects.filter(pk=attempt_id, finished_at__isnull=False).exists():
            break
        time.sleep(POLL_SECONDS)
    return attempt_answer(attempt_id=attempt_id)


def attempt_answer(*, attempt_id: UUID) -> Answer:
    """What the row says now: its answer, or 202 while the trader works on it, or 503 when nobody took it."""
    attempt = HedgeAttempt.objects.get(pk=attempt_id)
    if attempt.status == AttemptStatus.REQUESTED and attempt.kind in ENTRY_KINDS:
        if attempt_expire(attempt=attempt):
            return expired_answer(attempt)
        attempt.refresh_from_db()
    if attempt.answer:
        return Answer(attempt.answer["status_code"], attempt.answer["body"], attempt.result, attempt.reason)
    return pending_answer(attempt)


def pending_answer(attempt: HedgeAttempt) -> Answer:
    body = {
        "success": None,
        "status": "pending",
        "attempt_id": str(attempt.pk),
        "hedge_id": str(attempt.hedge_id) if attempt.hedge_id else None,
        "detail": "the venue or the trader has not answered yet; the hedge log tells the outcome",
    }
    return Answer(202, body, "pending")
