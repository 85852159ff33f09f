"""The governor's judgement (SPEC 7): pure, over what trading told. It says what engages HOLD and what stops entries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from risk.choices import GovernorGuard
from risk.intents import ExposureSnapshot, PnlFigures, VenueFigures
from risk.limits import LimitsTable
from risk.margin import MarginLevel, margin_decision

# Three samples in a row beyond the threshold: one slow answer is no wrong clock.
CLOCK_BREACHES_FOR_HOLD = 3


@dataclass(frozen=True)
class Finding:
    """``key`` for programs, ``text`` for people, with the numbers."""

    key: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """``breaches`` engage HOLD; ``entry_stops`` only keep new hedges from opening."""

    breaches: tuple[Finding, ...]
    entry_stops: tuple[Finding, ...]


def _loss(pnl: PnlFigures, limits: LimitsTable) -> Iterator[Finding]:
    limit = limits.value("MAX_DAILY_LOSS_USDT")
    loss = -pnl.realized_today_usdt
    if not (loss <= limit):
        yield Finding(GovernorGuard.DAILY_LOSS, f"daily realized loss {loss} USDT passes MAX_DAILY_LOSS_USDT {limit}")


def _exposure(exposure: ExposureSnapshot, limits: LimitsTable) -> Iterator[Finding]:
    limit = limits.governor_notional()
    total = exposure.total_notional_usdt
    if not (total <= limit):
        text = f"open exposure {total} USDT passes MAX_TOTAL_NOTIONAL_USD[T] {limit}"
        yield Finding(GovernorGuard.TOTAL_NOTIONAL, text)


def _unrealized(pnl: PnlFigures, limits: LimitsTable) -> Iterator[Finding]:
    limit = limits.value("MAX_UNREALIZED_LOSS_USD")
    if pnl.unrealized_usdt is not None and not (-pnl.unrealized_usdt <= limit):
        text = f"unrealized loss {-pnl.unrealized_usdt} USDT passes MAX_UNREALIZED_LOSS_USD {limit}"
        yield Finding(GovernorGuard.UNREALIZED_LOSS, text)


def _venue(venue: VenueFigures, limits: LimitsTable) -> Iterator[Finding]:
    threshold = limits.value("CLOCK_SKEW_HOLD_THRESHOLD_MS")
    if threshold.is_finite() and venue.clock_breaches >= CLOCK_BREACHES_FOR_HOLD:
        text = f"clock of {venue.venue} is off by {venue.clock_skew_ms} ms, more than {threshold} ms"
        yield Finding(GovernorGuard.CLOCK_SKEW, text)
    if venue.maintenance:
        yield Finding(GovernorGuard.MAINTENANCE, f"{venue.venue} reports maintenance")
    if venue.read_only:
        yield Finding(GovernorGuard.READ_ONLY, f"{venue.venue} is read only")


def _unknown(pnl: PnlFigures, limits: LimitsTable, venues: Iterable[VenueFigures]) -> Iterator[Finding]:
    """What is not known blocks entries; it is never counted as zero (law 9)."""
    guarded = limits.value("MAX_UNREALIZED_LOSS_USD").is_finite()
    if guarded and pnl.unrealized_usdt is None:
        yield Finding("unrealized_unknown", "unrealized PnL is unknown: a mark is missing")
    for venue in venues:
        if venue.reachable is not True:
            yield Finding("venue_unreachable", f"{venue.venue} is not known to be reachable")


def _margins(venues: Iterable[VenueFigures]) -> Iterator[Finding]:
    for venue in venues:
        decision = margin_decision(venue)
        if decision.level is not MarginLevel.OK:
            yield Finding(f"margin_{decision.level}", decision.text)


def judge(
    *,
    limits: LimitsTable,
    exposure: ExposureSnapshot,
    pnl: PnlFigures,
    venues: tuple[VenueFigures, ...],
    accounts: bool,
) -> Verdict:
    """``accounts``: whether orders go to real accounts, whose margin and reach must then be known."""
    breaches = [*_loss(pnl, limits), *_exposure(exposure, limits), *_unrealized(pnl, limits)]
    for venue in venues:
        breaches.extend(_venue(venue, limits))
    stops = [*_unknown(pnl, limits, venues if accounts else ())]
    if accounts:
        stops.extend(_margins(venues))
    return Verdict(tuple(breaches), tuple(stops))


def largest_skew(venues: Iterable[VenueFigures]) -> float | None:
    """The skew of the venue that is furthest off, in ms; None while none was measured."""
    known = [venue.clock_skew_ms for venue in venues if venue.clock_skew_ms is not None]
    return max(known, key=abs) if known else None


def number(value: Decimal | None) -> str | None:
    """A figure for a JSON column; unknown stays null."""
    return None if value is None else f"{value:f}"
