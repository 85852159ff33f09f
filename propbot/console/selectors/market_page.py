"""What the dashboard shows of the market and the book beside the snapshot: the spread over time, value at risk."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from propbot.clock import utc_now
from risk.reports.snapshot import var_payload
from trading.choices import HEDGE_EXPOSED
from trading.models import Hedge, UniverseEntry

SHOWN_SPAN = timedelta(hours=1)
SLOT_SECONDS = 15
SERIES = """
SELECT venue_a, venue_b, min(at), avg(basis_bps) FROM trading_basissample
 WHERE symbol = %s AND at > %s
 GROUP BY venue_a, venue_b, extract(epoch FROM at)::bigint / %s
 ORDER BY venue_a, venue_b, 3
"""


def spread_series() -> dict[str, Any]:
    """The measured basis of one symbol's pair over the last hour, in bps; no points where nobody sampled."""
    symbol = _shown_symbol()
    rows = _samples(symbol, utc_now() - SHOWN_SPAN) if symbol else []
    pair = rows[0][:2] if rows else None
    return {
        "symbol": symbol,
        "pair": list(pair) if pair else None,
        "points": [[at, value] for a, b, at, value in rows if (a, b) == pair],
    }


def _shown_symbol() -> str | None:
    """What is held, else the best scored symbol that may be traded."""
    held: str | None = (
        Hedge.objects.filter(status__in=HEDGE_EXPOSED).order_by("-created_at").values_list("symbol", flat=True).first()
    )
    if held is not None:
        return held
    allowed: str | None = (
        UniverseEntry.objects.filter(allowed=True).order_by("symbol").values_list("symbol", flat=True).first()
    )
    return allowed


def _samples(symbol: str, since: datetime) -> list[tuple[str, str, datetime, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(SERIES, [symbol, since, SLOT_SECONDS])
        return list(cursor.fetchall())


def value_at_risk() -> dict[str, Any]:
    """Historical, of the real open book; each total is null where the history is too short."""
    return dict(var_payload(utc_now()))
