"""What the engine sees and does: opportunity, auto-hedge, reconciliation, venues, PnL over time."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from propbot.clock import utc_day_start
from propbot.console.charts import Chart, Point, line_chart
from propbot.console.hedge_story import COSTS
from trading.choices import HEDGE_EXPOSED
from trading.models import PnlSnapshot, ReconciliationDifference, ReconciliationRound, VenueHealth
from trading.selectors.opportunities import opportunity_payload

CHART_POINTS = 240


def opportunity_figures() -> dict[str, Any] | None:
    """The API's own answer, with the parts of its cost as people read them."""
    answer = opportunity_payload()
    found = answer["opportunity"]
    if found is None:
        return None
    costs = found["costs"]
    return {
        **found,
        "cost_parts": [[label, costs[name]] for name, label in COSTS.items() if name in costs],
        "status": answer["status"],
        "blocked_reason": answer["blocked_reason"],
    }


def reconciliation_figures() -> dict[str, Any]:
    last = ReconciliationRound.objects.filter(finished_at__isnull=False).first()
    return {
        "last_round_at": last.finished_at if last else None,
        "clean": last.clean if last else None,
        "venues_read": last.venues_read if last else [],
        "open_differences": [
            {
                "kind": row.kind,
                "venue": row.venue,
                "symbol": row.symbol,
                "ours": row.ours,
                "theirs": row.theirs,
                "notional_usdt": row.notional_usdt,
                "since": row.first_seen_at,
            }
            for row in ReconciliationDifference.objects.filter(resolved_at__isnull=True)[:50]
        ],
    }


def venue_rows() -> list[dict[str, Any]]:
    return [
        {
            "venue": row.venue,
            "reachable": row.reachable,
            "rate_limited": row.rate_limited,
            "maintenance": row.maintenance,
            "last_ok_at": row.last_ok_at,
            "last_error": row.last_error,
            "rtt_ms_p50": row.rtt_ms_p50,
            "rtt_ms_p95": row.rtt_ms_p95,
            "clock_skew_ms": row.clock_skew_ms,
            "preflight_ok": row.preflight_ok,
        }
        for row in VenueHealth.objects.all()
    ]


def _series(simulated: bool, since: datetime) -> list[PnlSnapshot]:
    rows = PnlSnapshot.objects.filter(simulated=simulated, at__gte=since)[:CHART_POINTS]
    return list(reversed(rows))


def pnl_series(now: datetime) -> tuple[list[PnlSnapshot], list[PnlSnapshot]]:
    """Today's snapshots in time order, real and simulated apart (law 10)."""
    since = min(utc_day_start(now), now - timedelta(hours=3))
    return _series(False, since), _series(True, since)


def pnl_chart(real: list[PnlSnapshot], simulated: list[PnlSnapshot]) -> Chart | None:
    """Realized plus unrealized PnL; a snapshot without a mark has no point (law 9)."""
    return line_chart(_points(real), _points(simulated))


def _points(rows: list[PnlSnapshot]) -> list[Point]:
    return [
        Point(row.at, row.realized_today_usdt + row.unrealized_usdt) for row in rows if row.unrealized_usdt is not None
    ]


def trend_figures(real: list[PnlSnapshot], counts: dict[str, int]) -> dict[str, Any] | None:
    """The last real snapshot against the one before it."""
    if len(real) < 2:
        return None
    before, last = real[-2], real[-1]
    known = before.unrealized_usdt is not None and last.unrealized_usdt is not None
    return {
        "previous_at": before.at,
        "pnl_change": _total(last) - _total(before) if known else None,
        "notional_change": last.open_notional_usdt - before.open_notional_usdt,
        "open": counts["open"],
        "partial": counts["partial"],
        "simulated": counts["simulated"],
    }


def _total(row: PnlSnapshot) -> Any:
    return row.realized_today_usdt + row.unrealized_usdt


COUNTERS = """
SELECT (SELECT count(*) FROM trading_order WHERE status IN ('sending', 'unknown')),
       (SELECT count(*) FROM trading_order WHERE status = 'open'),
       (SELECT count(*) FROM trading_hedge WHERE status = ANY(%s))
"""


def execution_counters() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS, [[str(status) for status in HEDGE_EXPOSED]])
        unproven, resting, exposed = cursor.fetchone()
    return {"unproven_orders": unproven, "open_orders": resting, "exposed_hedges": exposed}
