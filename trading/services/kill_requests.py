"""The kill switch and cancel-all: the desk stops at once, the cancels wait for a second person (SPEC 4).

Approving commits an attempt row in the transaction of the approval; the trader cancels when it is told, or by its sweep.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from approvals.models import ApprovalRequest
from approvals.registry import GuardedAction, guarded_action
from approvals.services import approval_request
from propbot.clock import database_now
from risk.services.hold import hold_engage
from trading.choices import AttemptKind
from trading.models import HedgeAttempt

log = structlog.get_logger(__name__)
KILL = "kill"
CANCEL_ALL = "cancel_all"
TASK = "trading.tasks.attempts.attempt_run"
WORTH_DOING = timedelta(minutes=15)
SENTENCES = {
    KILL: "Kill switch: cancel every open order on every venue, the desk stays in HOLD",
    CANCEL_ALL: "Cancel every open order on every venue",
}


def stop_request(*, action: str, reason: str) -> ApprovalRequest:
    """HOLD and SAFE_MODE first: whether a second person is found or not, nothing opens any more."""
    hold_engage(reason=f"{action} requested: {reason or 'no reason given'}", source=action)
    return approval_request(action=action, payload={}, reason=reason)


def cancel_attempt(request: ApprovalRequest) -> HedgeAttempt:
    """The row that tells the trader to cancel, inside the transaction of the approval."""
    now = database_now()
    attempt = HedgeAttempt.objects.create(
        kind=AttemptKind.CANCEL_ALL,
        initiator=request.decided_by_name or request.requested_by_name,
        initiator_id=request.decided_by_id or request.requested_by_id,
        symbol="",
        request={"action": request.action, "approval_id": str(request.pk), "channel": request.decided_channel},
        created_at=now,
        not_after=now + WORTH_DOING,
    )
    transaction.on_commit(lambda: _tell_trader(str(attempt.pk)), robust=True)
    return attempt


def _tell_trader(attempt_id: str) -> None:
    try:
        current_app.send_task(TASK, args=[attempt_id], queue="trading", expires=60)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("trader_not_told", attempt=attempt_id, error=error.__class__.__name__)


def _execute(request: ApprovalRequest, payload: dict[str, Any]) -> Mapping[str, Any]:
    return {"attempt_id": str(cancel_attempt(request).pk)}


def _effects(payload: dict[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return {"open_orders": "as they are"}, {"open_orders": "canceled on every venue"}


def _register(action: str) -> None:
    guarded_action(
        GuardedAction(
            name=action,
            payload_schema=lambda payload: {},
            sentence=lambda payload: SENTENCES[action],
            effects=_effects,
            execute=_execute,
        )
    )


def register() -> None:
    """Called when Django is ready. Not bound to a HOLD: a later HOLD makes canceling no less wanted."""
    for action in (KILL, CANCEL_ALL):
        _register(action)
