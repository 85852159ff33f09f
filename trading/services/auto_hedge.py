"""Auto-hedge: takes the best allowed opportunity through the same function as execute, and never clears a HOLD.

It skips with a recorded reason: a row in the hedge log whenever the reason changes, and its state at every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit.context import Actor, acting_as
from propbot import config
from propbot.clock import utc_now
from propbot.errors import RefusedError
from propbot.statements import Question, Row
from risk.looks import asked, one_look, plainly
from risk.registry import DEFAULT_STRATEGY
from risk.selectors import control_read
from risk.services.edge import edge_guard
from risk.services.hold import hold_engage_unless_held
from trading.choices import AttemptKind, AttemptStatus
from trading.entry_types import Answer, EntryRequest
from trading.models import HedgeAttempt, Opportunity, TaskState
from trading.runtime.handle import trader
from trading.selectors import desk_checks
from trading.selectors.opportunities import opportunity_best_allowed
from trading.services.attempt_rows import attempt_begin
from trading.services.attempts import attempt_perform
from trading.services.single import AUTO_HEDGE_LOCK, only_one
from trading.services.task_state import AUTO_HEDGE, task_state_note

INITIATOR = "auto_hedge"
ACTOR = Actor(name=INITIATOR, channel="system")
# ``NOT IN`` as the partial index of the active hedges has it.
OBSTACLES = """
SELECT (SELECT count(*) FROM trading_hedgeattempt
         WHERE kind = 'auto_hedge' AND finished_at > %s
           AND result IN ('failed', 'unresolved', 'partial', 'interrupted')),
       EXISTS (SELECT FROM approvals_approvalrequest WHERE action = 'resume' AND status = 'pending'),
       ARRAY (SELECT symbol || ' ' || long_venue FROM trading_hedge
               WHERE initiator IN ('auto_hedge', 'loop') AND NOT (status IN ('closed', 'failed')))
"""


@dataclass(frozen=True)
class Obstacles:
    """Failures of the last minute, whether somebody asks to resume, and "symbol long_venue" of active automatic hedges."""

    failures: int
    resume_pending: bool
    hedged: frozenset[str]


@asked(plainly)
def obstacles(now: datetime) -> Question[Obstacles]:
    """What of the last minute and of the hedges that are open stands in auto-hedge's way."""
    return Question(OBSTACLES, [now - timedelta(minutes=1)], _obstacles)


def _obstacles(rows: Sequence[Row]) -> Obstacles:
    [(failures, resume_pending, hedged)] = rows
    return Obstacles(failures, resume_pending, frozenset(hedged))


def auto_hedge_step(*, now: datetime) -> str:
    """One step; answers what it did: ``disabled``, a skip reason, or the result of its attempt."""
    with only_one(AUTO_HEDGE_LOCK) as alone, acting_as(ACTOR), one_look():
        return _step(now) if alone and not trader().standby else "busy"


def _step(now: datetime) -> str:
    if not control_read().auto_hedge_enabled:
        return _note(now, "disabled", None)
    failures_check(now=now)
    return opportunity_take(opportunity_best_allowed(now), now=now)


def opportunity_take(opportunity: Opportunity | None, *, now: datetime) -> str:
    """Take it, or note what stands in the way."""
    reason = obstacle(opportunity)
    if reason or opportunity is None:
        skip_note(reason, opportunity, now=now)
        return _note(now, reason, opportunity)
    answer = entry_run(request_for(opportunity, kind=AttemptKind.AUTO_HEDGE, initiator=INITIATOR))
    return _note(now, answer.result if answer.result != "refused" else answer.reason, opportunity)


def obstacle(opportunity: Opportunity | None) -> str:
    """Why nothing is attempted now, or empty."""
    try:
        desk = desk_checks.assert_running()
        desk_checks.assert_reconciled(desk.trader_epoch)
    except RefusedError as refused:
        return refused.code
    if obstacles(utc_now()).resume_pending:
        return "resume_pending"
    edge = edge_guard()
    if not edge.allowed:
        return f"edge_guard: {edge.reason}"[:64]
    if opportunity is None:
        return "no_allowed_opportunity"
    return "already_hedged" if already_hedged(opportunity) else ""


def already_hedged(opportunity: Opportunity) -> bool:
    """One automatic hedge per symbol and direction: the same dislocation is not bought again every two seconds."""
    return f"{opportunity.symbol} {opportunity.long_venue}" in obstacles(utc_now()).hedged


def request_for(opportunity: Opportunity, *, kind: str, initiator: str) -> EntryRequest:
    return EntryRequest(
        kind=kind,
        symbol=opportunity.symbol,
        notional_usdt=opportunity.notional_suggestion,
        leverage=opportunity.leverage_suggestion,
        strategy=opportunity.strategy or DEFAULT_STRATEGY,
        min_net_edge_bps=control_read().min_spread_bps,
        long_venue=opportunity.long_venue,
        short_venue=opportunity.short_venue,
        opportunity_id=str(opportunity.pk),
        initiator=initiator,
    )


def entry_run(request: EntryRequest) -> Answer:
    """In the trader itself: the row commits with the journal's, and ends like any other attempt's."""
    return attempt_perform(attempt_begin(request=request, epoch=trader().epoch))


def failures_check(*, now: datetime) -> None:
    """More than MAX_AUTO_FAILS_PER_MIN failures in a rolling minute engage HOLD."""
    most = config.values().integer("MAX_AUTO_FAILS_PER_MIN")
    failed = obstacles(now).failures
    if failed > most:
        hold_engage_unless_held(
            reason=f"auto-hedge failed {failed} times in a minute (more than {most})", source="auto_hedge"
        )


def skip_note(reason: str, opportunity: Opportunity | None, *, now: datetime) -> None:
    """A row when the reason is a new one: every two seconds the same word would bury the log."""
    state = TaskState.objects.filter(name=AUTO_HEDGE).first()
    if state is not None and state.details.get("result") == reason:
        return
    HedgeAttempt.objects.create(
        kind=AttemptKind.AUTO_HEDGE,
        status=AttemptStatus.DONE,
        initiator=INITIATOR,
        symbol=opportunity.symbol if opportunity else "",
        strategy=DEFAULT_STRATEGY,
        spread_bps=opportunity.spread_bps if opportunity else None,
        notional_usdt=opportunity.notional_suggestion if opportunity else None,
        result="skipped",
        reason=reason,
        created_at=now,
        not_after=now,
        finished_at=now,
    )


def _note(now: datetime, result: str, opportunity: Opportunity | None) -> str:
    details: dict[str, Any] = {
        "result": result,
        "opportunity_id": str(opportunity.pk) if opportunity else None,
        "opportunity_checked_at": opportunity.created_at.isoformat() if opportunity else None,
    }
    task_state_note(name=AUTO_HEDGE, now=now, details=details)
    return result
