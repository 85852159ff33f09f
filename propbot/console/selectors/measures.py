"""Service levels, measured: from orders, snapshots, reconciliation and the board. None where nothing was measured."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from propbot.clock import utc_day_start
from propbot.console.selectors.board import quote_gap_p95
from propbot.console.slo import THRESHOLDS, drawdown, judge
from trading.models import PnlSnapshot, ReconciliationDifference
from trading.venues.base import Quote

WINDOW = timedelta(hours=1)
ORDERS = """
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - sending_at) * 1000)
         FILTER (WHERE answered_at IS NOT NULL),
       count(*), count(*) FILTER (WHERE status = 'rejected'),
       count(*) FILTER (WHERE cancel_requested_at IS NOT NULL),
       count(*) FILTER (WHERE cancel_requested_at IS NOT NULL AND status IN ('open', 'sending', 'unknown'))
FROM trading_order WHERE sending_at > %s
"""


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001")) if whole else None


def order_measures(now: datetime) -> dict[str, Decimal | None]:
    """Orders put on the wire in the last hour, simulated ones too: they take the same way."""
    with connection.cursor() as cursor:
        cursor.execute(ORDERS, [now - WINDOW])
        cycle, sent, rejected, cancels, failed_cancels = cursor.fetchone()
    return {
        "order_cycle_p95_ms": None if cycle is None else Decimal(str(round(cycle, 1))),
        "reject_rate": _share(rejected, sent),
        "cancel_failure_rate": _share(failed_cancels, cancels),
    }


def day_drawdown(now: datetime) -> Decimal | None:
    """The largest fall of today's real PnL from its peak to now, in USDT."""
    rows = (
        PnlSnapshot.objects.filter(simulated=False, at__gte=utc_day_start(now), unrealized_usdt__isnull=False)
        .order_by("at")
        .values_list("realized_today_usdt", "unrealized_usdt")
    )
    return drawdown([realized + unrealized for realized, unrealized in rows if unrealized is not None])


def budget_remaining(strategies: list[dict[str, Any]]) -> Decimal | None:
    """The smallest share of a daily loss budget that is left."""
    shares = [row["remaining"] / row["limit"] for row in strategies if row["limit"] and row["remaining"] is not None]
    return min(shares).quantize(Decimal("0.0001")) if shares else None


def slo_figures(now: datetime, strategies: list[dict[str, Any]], quotes: list[Quote]) -> dict[str, Decimal | None]:
    return {
        "quote_gap_p95_ms": quote_gap_p95(quotes, now),
        **order_measures(now),
        "reconciliation_mismatches": Decimal(ReconciliationDifference.objects.filter(resolved_at__isnull=True).count()),
        "day_drawdown_usdt": day_drawdown(now),
        "budget_remaining_share": budget_remaining(strategies),
    }


def threshold_figures() -> dict[str, dict[str, Any]]:
    return {
        name: {"warn": limit.warn, "error": limit.error, "unit": limit.unit, "title": limit.title}
        for name, limit in THRESHOLDS.items()
    }


def slo_rows(slo: dict[str, Decimal | None]) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": value, "status": judge(name, value), **threshold_figures()[name]}
        for name, value in slo.items()
    ]
