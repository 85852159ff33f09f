"""Which quotes may be traded on (SPEC 5, RELIABILITY C1 to C11). Pure: takes ``now``, reads nothing.

Every limit is written so that a value that cannot be compared fails it: ``not (x <= limit)``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trading.venues.base import Quote

BPS = Decimal(10_000)
MILLISECOND = timedelta(milliseconds=1)
CLOCK_TOLERANCE_MS = 500  # a receive time further ahead means that our own clock stepped back (C9)

REASONS = {
    "non_finite": "a price or size is not a finite number",
    "not_positive": "a price or size is zero or negative",
    "crossed": "the bid is above the ask",
    "locked": "the bid equals the ask",
    "clock": "it was received in the future: the clock stepped back",
    "stale": "it was received too long ago",
    "frozen": "it arrives, but the venue's own time stands still",
    "outlier": "its mid is too far from the other venues' median",
    "lagging": "it is too much older than another venue's quote",
}


@dataclass(frozen=True)
class Verdict:
    """``reason`` is a key of REASONS, empty when the quote is good."""

    ok: bool
    reason: str = ""


GOOD = Verdict(ok=True)


def effective_at(quote: Quote) -> datetime:
    """The older of the venue's time and ours: a venue ahead of us gains nothing by it."""
    return quote.received_at if quote.venue_at is None else min(quote.venue_at, quote.received_at)


def age_ms(quote: Quote, now: datetime) -> float:
    """Milliseconds since the effective time."""
    return (now - effective_at(quote)) / MILLISECOND


def mid(quote: Quote) -> Decimal:
    return (quote.bid + quote.ask) / 2


def shape_reason(quote: Quote) -> str:
    """What is wrong with the numbers themselves, or an empty text."""
    numbers = (quote.bid, quote.ask, quote.bid_quantity, quote.ask_quantity)
    if not all(number.is_finite() for number in numbers):
        return "non_finite"
    if not all(number > 0 for number in numbers):
        return "not_positive"
    if quote.bid > quote.ask:
        return "crossed"
    return "locked" if quote.bid == quote.ask else ""


def time_reason(quote: Quote, now: datetime, max_age_ms: int) -> str:
    received_ms = (now - quote.received_at) / MILLISECOND
    if received_ms < -CLOCK_TOLERANCE_MS:
        return "clock"
    if not received_ms <= max_age_ms:
        return "stale"
    return "" if age_ms(quote, now) <= max_age_ms else "frozen"


def median(values: list[Decimal]) -> Decimal:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _is_outlier(venue: str, sound: Mapping[str, Quote], outlier_bps: Decimal) -> bool:
    others = [mid(quote) for name, quote in sound.items() if name != venue]
    if not others:
        return False
    reference = median(others)
    return not abs(mid(sound[venue]) - reference) / reference * BPS <= outlier_bps


def _is_lagging(quote: Quote, sound: Mapping[str, Quote], max_lag_ms: int) -> bool:
    newest = max(effective_at(other) for other in sound.values())
    return not (newest - effective_at(quote)) / MILLISECOND <= max_lag_ms


def judge(
    quotes: Mapping[str, Quote], *, now: datetime, max_age_ms: int, outlier_bps: Decimal, max_lag_ms: int
) -> dict[str, Verdict]:
    """A verdict per venue on the quotes of one symbol. Unsound quotes do not vouch against others."""
    verdicts = {}
    for venue, quote in quotes.items():
        reason = shape_reason(quote) or time_reason(quote, now, max_age_ms)
        verdicts[venue] = Verdict(ok=False, reason=reason) if reason else GOOD
    sound = {venue: quotes[venue] for venue, verdict in verdicts.items() if verdict.ok}
    for venue, quote in sound.items():
        if _is_outlier(venue, sound, outlier_bps):
            verdicts[venue] = Verdict(ok=False, reason="outlier")
        elif _is_lagging(quote, sound, max_lag_ms):
            verdicts[venue] = Verdict(ok=False, reason="lagging")
    return verdicts
