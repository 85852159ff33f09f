"""The rows of a page of positions: each hedge with both legs beside it, in one statement, as plain tuples.

Models cost three times as much for a page, and a page is asked for again and again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from propbot import statements
from propbot.http.paging import Page
from trading.models import Hedge, Leg

SIMULATED = "simulated"
# The words of the index on what is not over.
NOT_OVER = "NOT (status IN ('closed', 'failed'))"
NEWEST = "ORDER BY created_at DESC"


@dataclass(frozen=True)
class PositionFilters:
    """Empty means any. Without a status only what is not closed or failed is shown."""

    status: str = ""
    symbol: str = ""
    venue: str = ""
    simulated: bool | None = None

    def where(self) -> str:
        """SQL of the parameters ``status``, ``symbol``, ``venue`` and ``simulated``; values are never part of it."""
        parts = [self._of_status()]
        if self.symbol:
            parts.append("symbol = %(symbol)s")
        if self.venue:
            parts.append("%(venue)s IN (long_venue, short_venue)")
        if self.simulated is not None:
            parts.append("simulated = %(simulated)s")
        return " AND ".join(parts)

    def _of_status(self) -> str:
        if self.status == SIMULATED:
            return f"simulated AND status = 'open' AND {NOT_OVER}"
        return "status = %(status)s" if self.status else NOT_OVER


class LegRow(NamedTuple):
    position_side: str
    venue: str
    symbol: str
    quantity: Decimal
    entered_quantity: Decimal
    exited_quantity: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    fees_usdt: Decimal


class HedgeRow(NamedTuple):
    """``decision`` is the stored one where something is realized, else empty: nothing else here asks for it."""

    pk: UUID
    symbol: str
    status: str
    strategy: str
    long_venue: str
    short_venue: str
    simulated: bool
    notional_usdt: Decimal
    quantity: Decimal
    leverage: Decimal
    entry_long_price: Decimal | None
    entry_short_price: Decimal | None
    entry_spread_bps: Decimal | None
    expected_net_edge_bps: Decimal | None
    realized_pnl_usdt: Decimal | None
    initiator: str
    failure_reason: str
    close_reason: str
    created_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    decision: Mapping[str, Any]


PositionRow = tuple[HedgeRow, list[LegRow]]
AnyHedge = Hedge | HedgeRow
AnyLeg = Leg | LegRow
NUMBERS = frozenset(
    {
        *(name for name in LegRow._fields if name.endswith(("quantity", "price", "usdt"))),
        *(name for name in HedgeRow._fields if name.endswith(("usdt", "quantity", "leverage", "price", "bps"))),
    }
)
WRITTEN = {"pk": "h.id", "decision": "CASE WHEN h.realized_pnl_usdt IS NULL THEN NULL ELSE h.decision END"}
SIDES = ("long", "short")


def _columns(table: str, names: tuple[str, ...]) -> str:
    """Numbers without the column's trailing zeros, as the models read them."""
    plain = (WRITTEN.get(name, f"{table}.{name}") for name in names)
    return ", ".join(
        f"trim_scale({text})" if name in NUMBERS else text for name, text in zip(names, plain, strict=True)
    )


@lru_cache(maxsize=256)
def _page_sql(where: str, limit: int, paged: bool) -> str:
    """The limit is part of the text: as a parameter it would be unknown to a kept plan, and each asking planned anew."""
    legs = (
        f"LEFT JOIN trading_leg {side} ON {side}.hedge_id = h.id AND {side}.position_side = '{side}'" for side in SIDES
    )
    columns = ", ".join([_columns("h", HedgeRow._fields), *(_columns(side, LegRow._fields) for side in SIDES)])
    some = f"LIMIT {limit:d}{' OFFSET %(offset)s' if paged else ''}"
    page = f"SELECT * FROM trading_hedge WHERE {where} {NEWEST} {some}"  # noqa: S608 - our own words
    return f"SELECT {columns} FROM ({page}) h {' '.join(legs)} {NEWEST}"  # noqa: S608 - our own words


def position_rows(filters: PositionFilters, page: Page) -> list[PositionRow]:
    """Newest first; the long leg of each before its short one."""
    sql = _page_sql(filters.where(), page.limit, page.offset > 0)
    return [_read(row) for row in statements.rows(sql, {**vars(filters), "offset": page.offset})]


def _read(row: tuple[Any, ...]) -> PositionRow:
    end, width = len(HedgeRow._fields), len(LegRow._fields)
    decision = json.loads(row[end - 1]) if row[end - 1] else {}
    legs = (LegRow._make(row[begin : begin + width]) for begin in (end, end + width))
    return HedgeRow._make((*row[: end - 1], decision)), [leg for leg in legs if leg.position_side]


def positions_counted(filters: PositionFilters) -> int:
    sql = f"SELECT count(*) FROM trading_hedge WHERE {filters.where()}"  # noqa: S608 - our own words
    [(count,)] = statements.rows(sql, vars(filters))
    return int(count)
