"""What is held, and what it is worth: the figures that risk asks for, from committed rows only.

Every query is bounded by the number of active hedges or of days, never by the length of history.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from django.conf import settings

from propbot.clock import utc_day_start, utc_now
from propbot.statements import Question, Row
from risk.intents import ExposureSnapshot, PnlFigures, StrategyExposure, StrategyPnl
from risk.looks import asked, looked
from trading.choices import HEDGE_ENDED, HedgeStatus, PositionSide
from trading.ledger_math import stored, unrealized
from trading.models import Hedge, Leg
from trading.quotes import BoardUnavailableError, board
from trading.services.held import Held, HeldGroup, HeldSide, held
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

    An opening or unresolved hedge counts through its reservation; where that has ended (a partial hedge became
    unresolved again), what its legs hold counts here: it is never hidden.
    """
    found = held(simulated=simulated)
    exposed = [group for group in found.groups if group.exposed]
    per_symbol: dict[str, Decimal] = defaultdict(Decimal)
    per_venue: dict[str, Decimal] = defaultdict(Decimal)
    for group in exposed:
        per_symbol[group.symbol] += group.notional_usdt
        for side in group.sides:
            per_venue[side.venue] += side.value_usdt
    per_symbol = {symbol: stored(notional) for symbol, notional in per_symbol.items()}
    return ExposureSnapshot(
        taken_at=utc_now(),
        total_notional_usdt=sum(per_symbol.values(), ZERO),
        open_hedges=sum(group.hedges for group in exposed),
        partial_hedges=_hedges(found, HedgeStatus.PARTIAL),
        unresolved_hedges=_hedges(found, HedgeStatus.UNRESOLVED),
        per_venue={venue: stored(notional) for venue, notional in per_venue.items()},
        per_symbol=per_symbol,
        per_strategy=_per_strategy(exposed),
        open_orders=found.open_orders,
    )


def _hedges(found: Held, status: HedgeStatus) -> int:
    return sum(group.hedges for group in found.groups if group.status == status)


def _per_strategy(exposed: Iterable[HeldGroup]) -> dict[str, StrategyExposure]:
    notional: dict[str, Decimal] = defaultdict(Decimal)
    hedges: dict[str, int] = defaultdict(int)
    for group in exposed:
        notional[group.strategy] += group.notional_usdt
        hedges[group.strategy] += group.hedges
    return {name: StrategyExposure(stored(amount), hedges[name]) for name, amount in notional.items()}


def fresh_marks(symbols: Iterable[str], *, now: datetime) -> dict[tuple[str, str], Mark]:
    """Marks young enough to value with; a stale or missing one is absent, and so is all while the board is down."""
    oldest = now - timedelta(milliseconds=settings.PROPBOT.integer("MAX_QUOTE_AGE_MS") * MARK_AGE_FACTOR)
    try:
        marks = board_marks(sorted(set(symbols)))
    except BoardUnavailableError:
        return {}
    return {
        key: mark for key, mark in marks.items() if min(mark.venue_at or mark.received_at, mark.received_at) >= oldest
    }


@looked(lambda symbols: tuple(symbols))
def board_marks(symbols: Sequence[str]) -> dict[tuple[str, str], Mark]:
    """As the board has them, however old."""
    return board().marks(symbols)


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
    sides = [side for group in held(simulated=simulated).groups for side in group.sides]
    if not sides:
        return ZERO
    marks = fresh_marks([side.symbol for side in sides], now=now)
    parts = [_side_unrealized(marks.get((side.venue, side.symbol)), side) for side in sides]
    known = [part for part in parts if part is not None]
    return stored(sum(known, ZERO)) if len(known) == len(parts) else None


def _side_unrealized(mark: Mark | None, side: HeldSide) -> Decimal | None:
    """Of all legs of one side together; None without a mark or with a leg that has no price."""
    if mark is None or side.unpriced:
        return None
    gain = mark.mark_price * side.quantity - side.value_usdt
    return gain if side.position_side == PositionSide.LONG else -gain


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


@asked(lambda today, *, simulated: (today, simulated))
def strategies_pnl(today: date, *, simulated: bool) -> Question[dict[str, StrategyPnl]]:
    """One question, whatever the number of strategies and days: each one's latest row, the day, and the last seven.

    Where the clock has stepped back over midnight the day that had begun counts as today's, too: no loss disappears.
    """
    after = today - timedelta(days=7)
    return Question(_STRATEGIES, {"simulated": simulated, "today": today, "after": after}, _strategies)


def _strategies(rows: Sequence[Row]) -> dict[str, StrategyPnl]:
    return {
        name: StrategyPnl(
            realized_today_usdt=stored(realized),
            realized_7d_usdt=stored(week),
            realized_total_usdt=stored(total),
            max_drawdown_usdt=stored(drawdown),
        )
        for name, total, drawdown, realized, week in rows
    }


_STRATEGIES = """
SELECT latest.strategy, latest.running_total_usdt, latest.max_drawdown_usdt,
       coalesce(sum(recent.realized_usdt) FILTER (WHERE recent.day >= %(today)s), 0),
       coalesce(sum(recent.realized_usdt), 0)
  FROM (SELECT DISTINCT ON (strategy) strategy, running_total_usdt, max_drawdown_usdt
          FROM trading_dailypnl WHERE simulated = %(simulated)s ORDER BY strategy, day DESC) latest
  LEFT JOIN trading_dailypnl recent
    ON recent.strategy = latest.strategy AND recent.simulated = %(simulated)s AND recent.day > %(after)s
 GROUP BY latest.strategy, latest.running_total_usdt, latest.max_drawdown_usdt
"""
