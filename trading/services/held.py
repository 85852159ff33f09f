"""What active hedges hold, summed by the database in one pass: exposure and unrealized PnL are sums of its few rows.

The pass touches active hedges and their held legs alone, whatever the number of those that have ended. Its answer is
shared inside one look (risk.looks) and never kept beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from propbot.statements import Question, Row
from risk.looks import asked
from trading.choices import HEDGE_EXPOSED


@dataclass(frozen=True)
class HeldSide:
    """The legs of one side that hold something, together: base units, their worth at entry in USDT, and how many of
    them have no entry price yet."""

    venue: str
    symbol: str
    position_side: str
    quantity: Decimal
    value_usdt: Decimal
    unpriced: int


@dataclass(frozen=True)
class HeldGroup:
    """All active hedges of one symbol, strategy, status and pair of venues that hold something. ``notional_usdt`` is
    the larger leg of each, summed. A side that holds nothing is absent. ``exposed``: they count themselves; what is
    opening or unresolved does not while its reservation counts for it."""

    symbol: str
    strategy: str
    status: str
    exposed: bool
    hedges: int
    notional_usdt: Decimal
    sides: tuple[HeldSide, ...]


@dataclass(frozen=True)
class Held:
    """``open_orders``: per venue, those that are or may be there, and those just planned: two intents must not pass
    together."""

    groups: tuple[HeldGroup, ...]
    open_orders: dict[str, int]


# The status as the partial index of the active hedges has it. A leg without an entry price of its own (its venue has
# not told it yet) counts at the other leg's, else at the planned one: unknown is not zero (law 9).
_HELD = """
WITH pair AS MATERIALIZED (
    SELECT h.symbol, h.strategy, h.status, l.venue AS long_venue, s.venue AS short_venue,
           l.quantity AS long_held, s.quantity AS short_held,
           l.quantity * coalesce(l.entry_price, s.entry_price, h.notional_usdt / h.planned_quantity) AS long_value,
           s.quantity * coalesce(s.entry_price, l.entry_price, h.notional_usdt / h.planned_quantity) AS short_value,
           l.quantity > 0 AND l.entry_price IS NULL AS long_unpriced,
           s.quantity > 0 AND s.entry_price IS NULL AS short_unpriced,
           h.status = ANY(%(exposed)s) OR (coalesce(l.quantity, s.quantity) > 0 AND NOT EXISTS (
               SELECT FROM risk_reservation r WHERE r.hedge_id = h.id AND r.status = 'held')) AS exposed
      FROM trading_hedge h
      LEFT JOIN trading_leg l ON l.hedge_id = h.id AND l.position_side = 'long' AND l.quantity > 0
      LEFT JOIN trading_leg s ON s.hedge_id = h.id AND s.position_side = 'short' AND s.quantity > 0
     WHERE h.simulated = %(simulated)s AND NOT (h.status IN ('closed', 'failed'))
)
SELECT 'held', symbol, strategy, status, exposed, count(*), coalesce(sum(greatest(long_value, short_value)), 0),
       long_venue, sum(long_held), sum(long_value), count(*) FILTER (WHERE long_unpriced),
       short_venue, sum(short_held), sum(short_value), count(*) FILTER (WHERE short_unpriced)
  FROM pair GROUP BY symbol, strategy, status, exposed, long_venue, short_venue
UNION ALL
SELECT 'orders', venue, '', '', false, count(*), 0, NULL, NULL, NULL, 0, NULL, NULL, NULL, 0
  FROM trading_order
 WHERE simulated = %(simulated)s AND status IN ('planned', 'sending', 'unknown', 'open') GROUP BY venue
"""


@asked(lambda *, simulated: simulated)
def held(*, simulated: bool) -> Question[Held]:
    """One question, because the journal asks it under the locks that the next intent waits for."""
    return Question(_HELD, {"simulated": simulated, "exposed": [str(status) for status in HEDGE_EXPOSED]}, _held)


def _held(rows: Sequence[Row]) -> Held:
    groups: list[HeldGroup] = []
    open_orders: dict[str, int] = {}
    for kind, symbol, strategy, status, exposed, count, notional, *sides in rows:
        if kind == "orders":
            open_orders[symbol] = count
            continue
        long, short = (symbol, "long", sides[:4]), (symbol, "short", sides[4:])
        groups.append(HeldGroup(symbol, strategy, status, exposed, count, notional, (*_side(*long), *_side(*short))))
    return Held(tuple(groups), open_orders)


def _side(symbol: str, position_side: str, columns: list[object]) -> tuple[HeldSide, ...]:
    venue, quantity, value, unpriced = columns
    if venue is None:
        return ()
    return (HeldSide(str(venue), symbol, position_side, quantity, value, unpriced),)  # type: ignore[arg-type]
