"""The quote board as people see it. Redis away means no data, not zero."""

from datetime import datetime
from decimal import Decimal

from propbot.console.slo import percentile
from trading.models import UniverseEntry
from trading.quotes import BoardUnavailableError, board
from trading.venues.base import Quote


def allowed_quotes() -> list[Quote]:
    symbols = list(UniverseEntry.objects.filter(allowed=True).values_list("symbol", flat=True))
    try:
        return list(board().quotes(symbols).values())
    except BoardUnavailableError:
        return []


def quote_age_ms(quote: Quote, now: datetime) -> Decimal:
    """By the older of the venue's and our own time, as the entry checks count it."""
    oldest = min(quote.received_at, quote.venue_at or quote.received_at)
    return Decimal(max(0, round((now - oldest).total_seconds() * 1000)))


def quote_ages(quotes: list[Quote], now: datetime) -> dict[str, Decimal]:
    """The oldest quote of an allowed symbol per venue, in ms; a venue without quotes is absent."""
    ages: dict[str, Decimal] = {}
    for quote in quotes:
        ages[quote.venue] = max(ages.get(quote.venue, Decimal(0)), quote_age_ms(quote, now))
    return ages


def quote_gap_p95(quotes: list[Quote], now: datetime) -> Decimal | None:
    """Milliseconds since the last quote, p95 over allowed symbols and venues; None without quotes."""
    return percentile([quote_age_ms(quote, now) for quote in quotes], Decimal("0.95"))


def stream_missing(now: datetime, within_seconds: float) -> list[str]:
    """``stream`` when nothing of it lives, else each share that nobody streams, as ``stream 2/3``."""
    try:
        state = board().stream_state()
    except BoardUnavailableError:
        return ["stream"]
    missing = state.missing(now, within_seconds)
    return ["stream"] if len(missing) == len(state.heartbeats) else [f"stream {shard}" for shard in missing]
