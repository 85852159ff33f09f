"""The row of an attempt that the trader makes itself: it commits with its hedge, or with its refusal.

An attempt of the web process is a committed row before the trader hears of it. One of auto-hedge or the loop begins
in the trader: a row of its own before the journal's would only cost a commit, for until the journal has committed
there is nothing that anybody could find, resolve or recover.
"""

from datetime import timedelta

from audit.services import audited, record
from propbot import statements
from propbot.clock import utc_now
from trading.choices import AttemptStatus
from trading.entry_types import EntryRequest
from trading.models import Hedge, HedgeAttempt

ENTRY_SECONDS = 8


def attempt_begin(*, request: EntryRequest, epoch: int) -> HedgeAttempt:
    """Claimed from the start, and not stored yet."""
    now = utc_now()
    return HedgeAttempt(
        status=AttemptStatus.CLAIMED,
        kind=request.kind,
        initiator=request.initiator,
        initiator_id=request.initiator_id or None,
        symbol=request.symbol,
        strategy=request.strategy,
        request=request.to_json(),
        notional_usdt=request.notional_usdt,
        created_at=now,
        not_after=now + timedelta(seconds=ENTRY_SECONDS),
        claimed_at=now,
        claimed_epoch=epoch,
    )


def attempt_join(*, attempt: HedgeAttempt, hedge: Hedge) -> list[HedgeAttempt]:
    """Inside the journal's transaction: the attempt names its hedge. One that was not stored yet is answered, for the
    caller to store it with the hedge."""
    if not attempt._state.adding:
        HedgeAttempt.objects.filter(pk=attempt.pk).update(hedge=hedge)
        return []
    attempt.hedge = hedge
    _record(attempt)
    return [attempt]


def attempt_ensure(*, attempt: HedgeAttempt) -> None:
    """Before it ends: a refusal, or a journal that was rolled back, has left it without a row."""
    if HedgeAttempt.objects.filter(pk=attempt.pk).exists():
        return
    attempt.hedge = None
    with audited():
        _insert(attempt)


def _insert(attempt: HedgeAttempt) -> None:
    statements.insert(attempt)
    _record(attempt)


def _record(attempt: HedgeAttempt) -> None:
    record(action=f"hedge_{attempt.kind}", target=attempt.symbol, status="requested", details=attempt.request)
