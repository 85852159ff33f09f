"""The last word before an order is journaled (law 1, law 7)."""

from propbot import statements
from propbot.errors import RefusedError
from propbot.statements import Question
from risk.choices import DeskMode
from risk.desk import DeskSnapshot
from risk.models import DeskState
from risk.selectors import DESK, control_read, desk_read, desk_row, desk_snapshot
from risk.services.locks import desk_lock_shared

# With the desk in one answer: the guard is asked three times on the way of one hedge.
REDUCES = "(SELECT reduce_only FROM risk_controlsettings WHERE id = 1)"


def _refuse_fenced(epoch: int, current: int) -> None:
    if epoch != current:
        raise RefusedError(
            "fenced", f"epoch {epoch} is not the trader's {current}: another trader has taken over", status=423
        )


def _refuse_stopped(desk: DeskSnapshot) -> None:
    if desk.hold_active or desk.hold_file:
        reason = desk.hold_reason if desk.hold_active else "a HOLD file stands beside the data"
        raise RefusedError("hold_active", f"HOLD #{desk.hold_id} is active: {reason}", status=423)
    if desk.safe_mode:
        raise RefusedError("safe_mode", "SAFE_MODE is on: no opening order leaves", status=423)
    if desk.mode != DeskMode.RUN:
        raise RefusedError("not_running", "The desk is not in RUN", status=423)


def desk_assert_running() -> DeskSnapshot:
    """The same refusals without the lock or the token: for requests that only want to fail early."""
    desk = desk_read()
    _refuse_stopped(desk)
    return desk


def desk_precheck(*, epoch: int) -> DeskSnapshot:
    """The refusals of ``desk_guard_opening`` without its lock, before anything is computed. The journal asks again."""
    desk = desk_read()
    _refuse_fenced(epoch, desk.trader_epoch)
    _refuse_stopped(desk)
    if control_read().reduce_only:
        raise RefusedError("reduce_only", "The desk only reduces: reduce_only is on", status=423)
    return desk


def desk_asked() -> Question[tuple[DeskState, bool | None]]:
    """The desk's row and ``reduce_only``, None without control settings: what ``desk_judge_opening`` goes by. Never
    part of a look: it binds."""
    return statements.rows_of(DeskState, DESK, beside=REDUCES).then(desk_row)


def desk_guard_opening(*, epoch: int) -> DeskSnapshot:
    """Inside the caller's atomic block, before any other statement: may an opening order be journaled or sent now?

    The shared lock is held until that transaction ends, so a HOLD that has returned is seen, and one that comes
    waits. Raises RefusedError 423 ``fenced``, ``hold_active``, ``safe_mode``, ``not_running`` or ``reduce_only``;
    a database error means that the desk cannot be read, and nothing opens either.
    """
    desk_lock_shared()
    return desk_judge_opening(epoch=epoch)


def desk_judge_opening(*, epoch: int) -> DeskSnapshot:
    """The same by whoever holds the shared lock already."""
    return desk_judge(statements.ask(desk_asked()), epoch=epoch)


def desk_judge(found: tuple[DeskState, bool | None], *, epoch: int) -> DeskSnapshot:
    """The same of what was just read under that lock."""
    row, only_reduces = found
    desk = desk_snapshot(row)
    _refuse_fenced(epoch, desk.trader_epoch)
    _refuse_stopped(desk)
    if control_read().reduce_only if only_reduces is None else only_reduces:
        raise RefusedError("reduce_only", "The desk only reduces: reduce_only is on", status=423)
    return desk


def desk_guard_reducing(*, epoch: int) -> None:
    """Reductions pass HOLD and SAFE_MODE; only a trader that was succeeded is refused (law 7)."""
    _refuse_fenced(epoch, DeskState.objects.only("trader_epoch").get(pk=1).trader_epoch)
