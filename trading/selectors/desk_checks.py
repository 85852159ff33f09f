"""What of the desk stands in an entry's way, cheapest first, each with its own code (SPEC 6).

The scanner asks it to mark an opportunity, the web process to fail early; the trader asks again with the fencing
token, and the journal once more under the desk lock.
"""

from collections.abc import Iterable, Sequence

from propbot.errors import RefusedError
from propbot.statements import Question
from risk.desk import DeskSnapshot
from risk.looks import asked
from risk.ports import ports
from risk.selectors import control_read
from risk.services.blocks import entry_block_assert_none
from risk.services.guard import desk_assert_running

CLEAN_ROUNDS = 2
STANDING = """
SELECT asked.symbol, coalesce(universe.allowed, false),
       EXISTS (SELECT FROM trading_hedge hedge WHERE hedge.symbol = asked.symbol AND hedge.status = 'unresolved')
  FROM unnest(%s::text[]) AS asked (symbol) LEFT JOIN trading_universeentry universe ON universe.symbol = asked.symbol
 ORDER BY asked.symbol
"""


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


@asked(lambda symbols: tuple(symbols))
def standing_of(symbols: Sequence[str]) -> Question[list[tuple[str, bool, bool]]]:
    """Each symbol, whether the universe allows it, and whether a hedge of it is unresolved."""
    return Question(STANDING, [list(symbols)], lambda found: [(row[0], row[1], row[2]) for row in found])


def allowed_among(symbols: Sequence[str]) -> list[str]:
    return [symbol for symbol, allowed, _ in standing_of(symbols) if allowed]


def assert_allowed(symbol: str) -> None:
    if not allowed_among([symbol]):
        raise RefusedError("symbol_not_allowed", f"{symbol} is not in the allowed universe", context={"symbol": symbol})


def assert_not_blocked(symbol: str, venues: Iterable[str]) -> None:
    """An entry block of the symbol or of one of the venues, and what is still unproven in the symbol."""
    entry_block_assert_none(symbol=symbol, venues=venues)
    if any(unresolved for _, _, unresolved in standing_of([symbol])):
        raise RefusedError("quarantined", f"an order of {symbol} has no proven end yet", status=423)


def assert_entry_possible(*, symbol: str, venues: Iterable[str], epoch: int) -> DeskSnapshot:
    """Everything but quotes and risk, without the lock: what makes an opportunity allowed."""
    desk = assert_running()
    assert_reconciled(epoch)
    assert_not_blocked(symbol, venues)
    return desk
