"""What of the desk stands in an entry's way, cheapest first, each with its own code (SPEC 6).

The scanner asks it to mark an opportunity, the web process to fail early; the trader asks again with the fencing
token, and the journal once more under the desk lock.
"""

from collections.abc import Iterable, Sequence

from propbot.errors import RefusedError
from risk.desk import DeskSnapshot
from risk.looks import looked
from risk.ports import ports
from risk.selectors import control_read
from risk.services.blocks import entry_block_assert_none
from risk.services.guard import desk_assert_running
from trading.choices import HedgeStatus
from trading.models import Hedge, UniverseEntry

CLEAN_ROUNDS = 2


def assert_running() -> DeskSnapshot:
    """HOLD, SAFE_MODE, RUN and reduce_only, without the lock."""
    desk = desk_assert_running()
    if control_read().reduce_only:
        raise RefusedError("reduce_only", "The desk only reduces: reduce_only is on", status=423)
    return desk


def assert_reconciled(epoch: int) -> None:
    """Two clean rounds since this trader's start (SPEC 4, step 6)."""
    rounds = ports().reconciliation_clean_rounds(epoch)
    if rounds < CLEAN_ROUNDS:
        raise RefusedError(
            "reconciling", f"{rounds} of {CLEAN_ROUNDS} clean reconciliation rounds since the start", status=423
        )


@looked(lambda symbols: tuple(symbols))
def allowed_among(symbols: Sequence[str]) -> list[str]:
    return list(UniverseEntry.objects.filter(symbol__in=symbols, allowed=True).values_list("symbol", flat=True))


def assert_allowed(symbol: str) -> None:
    if not allowed_among([symbol]):
        raise RefusedError("symbol_not_allowed", f"{symbol} is not in the allowed universe", context={"symbol": symbol})


def assert_not_blocked(symbol: str, venues: Iterable[str]) -> None:
    """An entry block of the symbol or of one of the venues, and what is still unproven in the symbol."""
    entry_block_assert_none(symbol=symbol, venues=venues)
    if _unresolved(symbol):
        raise RefusedError("quarantined", f"an order of {symbol} has no proven end yet", status=423)


@looked(lambda symbol: symbol)
def _unresolved(symbol: str) -> bool:
    return Hedge.objects.filter(symbol=symbol, status=HedgeStatus.UNRESOLVED).exists()


def assert_entry_possible(*, symbol: str, venues: Iterable[str], epoch: int) -> DeskSnapshot:
    """Everything but quotes and risk, without the lock: what makes an opportunity allowed."""
    desk = assert_running()
    assert_reconciled(epoch)
    assert_not_blocked(symbol, venues)
    return desk
