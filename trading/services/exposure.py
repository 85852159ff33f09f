"""What is held, and what it is worth: the figures that risk asks for, from committed rows only.

Every query is bounded by the number of active hedges or of days, never by the length of history.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.db import connection
from django.db.models import Count, DecimalField, ExpressionWrapper, F, Q, QuerySet, Sum

from propbot.clock import utc_day_start, utc_now
from risk.intents import ExposureSnapshot, PnlFigures, StrategyExposure, StrategyPnl
from trading.choices import HEDGE_ENDED, HEDGE_EXPOSED, HedgeStatus, PositionSide
from trading.ledger_math import stored, unrealized
from trading.models import Hedge, Leg
from trading.quotes import BoardUnavailableError, board
from trading.venues.base import Mark

ZERO = Decimal(0)


def leg_notional(leg: Leg) -> Decimal:
    """Quantity held at its entry price, in USDT."""
    notional: Decimal = leg.quantity * (leg.entry_price or ZERO)
    return notional


def legs_held(hedge: Hedge) -> list[Leg]:
    """The hedge's legs; prefetched ones cost no query."""
    return list(cast(Any, hedge).legs.all())


def active_hedges(*, simulated: bool) -> list[Hedge]:
    """Hedges that are not ended, with their legs; a handful at any time."""
    rows = Hedge.objects.filter(simulated=simulated).exclude(status__in=HEDGE_ENDED)
    return list(rows.prefetch_related("legs"))


def exposure_snapshot(*, simulated: bool = False) -> ExposureSnapshot:
    """Exposure of hedges that hold something: one leg's notional counts once per hedge, on a venue each its own.

    An unresolved hedge counts through its reservation; what it is proved to hold beyond that is never hidden, since
    a held leg counts here as soon as its reservation has ended.
    """
    per_symbol: dict[str, Decimal] = defaultdict(Decimal)
    per_strategy: dict[str, StrategyExposure] = {}
    rows = _exposure_rows(simulated=simulated)
    open_hedges = 0
    for symbol, strategy, notional, count in rows["hedges"]:
        open_hedges += count
        per_symbol[symbol] += stored(notional)
        known = per_strategy.get(strategy, StrategyExposure())
        per_strategy[strategy] = StrategyExposure(
            known.open_notional_usdt + stored(notional), known.open_hedges + count
        )
    counts = {status: count for status, _, _, count in rows["status"]}
    return ExposureSnapshot(
        taken_at=utc_now(),
        total_notional_usdt=sum(per_symbol.values(), ZERO),
        open_hedges=open_hedges,
        partial_hedges=counts.get(HedgeStatus.PARTIAL, 0),
        unresolved_hedges=counts.get(HedgeStatus.UNRESOLVED, 0),
        per_venue={venue: stored(notional) for venue, _, notional, _ in rows["venue"]},
        per_symbol=dict(per_symbol),
        per_strategy=per_strategy,
        open_orders={venue: count for venue, _, _, count in rows["orders"]},
    )


# The database sums: a thousand open hedges cost the governor a handful of rows. The status stands there twice so that
# the partial index of the active ones serves, however many have ended. One question, because the journal asks it under
# the locks that the next intent waits for. ``orders``: those that are, or may be, at the venue, and those just planned:
# two intents must not pass together.
_EXPOSURE = """
WITH leg AS MATERIALIZED (
    SELECT h.id, h.symbol, h.strategy, l.venue, coalesce(l.quantity * l.entry_price, 0) AS value
    FROM trading_hedge h JOIN trading_leg l ON l.hedge_id = h.id
    WHERE h.simulated = %(simulated)s AND NOT (h.status IN ('closed', 'failed')) AND h.status = ANY(%(exposed)s)
), one AS (
    SELECT symbol, strategy, max(value) AS value FROM leg GROUP BY id, symbol, strategy
)
SELECT 'hedges', symbol, strategy, sum(value), count(*) FROM one GROUP BY symbol, strategy
UNION ALL
SELECT 'venue', venue, '', sum(value), 0 FROM leg GROUP BY venue
UNION ALL
SELECT 'status', status, '', 0, count(*) FROM trading_hedge
 WHERE simulated = %(simulated)s AND NOT (status IN ('closed', 'failed')) GROUP BY status
UNION ALL
SELECT 'orders', venue, '', 0, count(*) FROM trading_order
 WHERE simulated = %(simulated)s AND status IN ('planned', 'sending', 'unknown', 'open') GROUP BY venue
"""
ExposureRow = tuple[str, str, Decimal, int]


def _exposure_rows(*, simulated: bool) -> dict[str, list[ExposureRow]]:
    """``hedges``: per symbol and strategy the larger leg of each, with their count; ``venue``: the sum of its legs;
    ``status``: active hedges; ``orders``: per venue."""
    found: dict[str, list[ExposureRow]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_EXPOSURE, {"simulated": simulated, "exposed": [str(status) for status in HEDGE_EXPOSED]})
        for kind, *row in cursor.fetchall():
            found[kind].append(cast(ExposureRow, tuple(row)))
    return found


def _active(*, simulated: bool) -> "QuerySet[Hedge]":
    return Hedge.objects.filter(simulated=simulated).exclude(status__in=HEDGE_ENDED).order_by()


def fresh_marks(symbols: Iterable[str], *, now: datetime) -> dict[tuple[str, str], Mark]:
    """Marks young enough to value with; a stale or missing one is absent, and so is all while the board is down."""
    oldest = now - timedelta(milliseconds=settings.PROPBOT.integer("MAX_QUOTE_AGE_MS") * MARK_AGE_FACTOR)
    try:
        marks: Mapping[tuple[str, str], Mark] = board().marks(sorted(set(symbols)))
    except BoardUnavailableError:
        return {}
    return {
        key: mark for key, mark in marks.items() if min(mark.venue_at or mark.received_at, mark.received_at) >= oldest
    }


# Binance sends marks once a second and OKX every 200 ms at the least: a mark may be older than a quote.
MARK_AGE_FACTOR = 5


@dataclass(frozen=True)
class HedgePnl:
    """One hedge's result in USDT. ``unrealized_usdt`` is None while a mark is missing."""

    hedge_id: object
    realized_usdt: Decimal
    unrealized_usdt: Decimal | None
    fees_usdt: Decimal


def hedge_pnl(
    hedge: Hedge, marks: Mapping[tuple[str, str], Mark] | None = None, *, now: datetime | None = None
) -> HedgePnl:
    """Realized from the row, unrealized at fresh marks; ``marks`` saves the look-up for many hedges at once."""
    if marks is None:
        marks = fresh_marks([hedge.symbol], now=now or utc_now())
    legs = legs_held(hedge)
    parts = [_leg_unrealized(leg, marks) for leg in legs]
    known = [part for part in parts if part is not None]
    return HedgePnl(
        hedge_id=hedge.pk,
        realized_usdt=hedge.realized_pnl_usdt or ZERO,
        unrealized_usdt=sum(known, ZERO) if len(known) == len(parts) else None,
        fees_usdt=sum((leg.fees_usdt for leg in legs), ZERO),
    )


def _leg_unrealized(leg: Leg, marks: Mapping[tuple[str, str], Mark]) -> Decimal | None:
    mark = marks.get((leg.venue, leg.symbol))
    return unrealized(leg.position_side, leg.quantity, leg.entry_price, mark.mark_price if mark else None)


def unrealized_total(*, simulated: bool, now: datetime) -> Decimal | None:
    """Of all active hedges; None as soon as one part is unknown (law 9)."""
    held = Leg.objects.filter(quantity__gt=0, hedge__in=_active(simulated=simulated)).order_by()
    value = ExpressionWrapper(
        F("quantity") * F("entry_price"), output_field=DecimalField(max_digits=76, decimal_places=18)
    )
    sums = held.values_list("venue", "symbol", "position_side").annotate(
        held=Sum("quantity"), entered=Sum(value), unpriced=Count("id", filter=Q(entry_price=None))
    )
    rows = list(sums)
    if not rows:
        return ZERO
    marks = fresh_marks([row[1] for row in rows], now=now)
    parts = [_group_unrealized(marks.get((row[0], row[1])), *row[2:]) for row in rows]
    known = [part for part in parts if part is not None]
    return stored(sum(known, ZERO)) if len(known) == len(parts) else None


def _group_unrealized(mark: Mark | None, side: str, held: Decimal, entered: Decimal, unpriced: int) -> Decimal | None:
    """Of all legs of one venue, symbol and side together; None without a mark or with a leg that has no price."""
    if mark is None or unpriced:
        return None
    gain = mark.mark_price * held - entered
    return gain if side == PositionSide.LONG else -gain


def pnl_figures(now: datetime, *, simulated: bool = False) -> PnlFigures:
    """Realized by the daily rows, unrealized at the marks. The day begins at 00:00 UTC."""
    per_strategy = strategies_pnl(utc_day_start(now).date(), simulated=simulated)
    return PnlFigures(
        taken_at=now,
        realized_today_usdt=sum((one.realized_today_usdt for one in per_strategy.values()), ZERO),
        realized_total_usdt=sum((one.realized_total_usdt for one in per_strategy.values()), ZERO),
        unrealized_usdt=unrealized_total(simulated=simulated, now=now),
        per_strategy=per_strategy,
    )


def strategies_pnl(today: date, *, simulated: bool) -> dict[str, StrategyPnl]:
    """One question, whatever the number of strategies and days: each one's latest row, and the last seven days."""
    with connection.cursor() as cursor:
        cursor.execute(_STRATEGIES, {"simulated": simulated, "after": today - timedelta(days=7)})
        rows = cursor.fetchall()
    return {
        name: StrategyPnl(
            realized_today_usdt=stored(realized) if day == today else ZERO,
            realized_7d_usdt=stored(week),
            realized_total_usdt=stored(total),
            max_drawdown_usdt=stored(drawdown),
        )
        for name, day, realized, total, drawdown, week in rows
    }


_STRATEGIES = """
SELECT latest.*, (SELECT coalesce(sum(realized_usdt), 0) FROM trading_dailypnl
                   WHERE strategy = latest.strategy AND simulated = %(simulated)s AND day > %(after)s)
  FROM (SELECT DISTINCT ON (strategy) strategy, day, realized_usdt, running_total_usdt, max_drawdown_usdt
          FROM trading_dailypnl WHERE simulated = %(simulated)s ORDER BY strategy, day DESC) latest
"""
