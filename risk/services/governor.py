"""The sampler that engages HOLD by itself: before each loop step and journal write, by thread and by beat."""

from datetime import datetime, timedelta
from decimal import Decimal

from audit.services import alert
from propbot import statements
from propbot.clock import utc_now
from propbot.upkeep.pruning import rows_prune
from risk import hold_file
from risk.choices import GovernorGuard
from risk.governor import Finding, Verdict, judge, largest_skew, number
from risk.intents import ExposureSnapshot, PnlFigures, VenueFigures
from risk.looks import fresh_reads, unread_look
from risk.margin import MarginDecision, MarginLevel, margin_decision
from risk.models import DeskState, GovernorSample
from risk.ports import ports
from risk.selectors import accounts_in_use, last_sample
from risk.services.hold import hold_engage, hold_engage_unless_held
from risk.services.limits import limits_read
from risk.services.strategies import budgets_roll_over, freeze_on_daily_loss, strategy_throttle
from risk.throttle import REPEATS_PER_MINUTE, ThrottleState, throttle_of

KEEP_SAMPLES = timedelta(days=2)


def _venue_row(venue: VenueFigures) -> dict[str, object]:
    return {
        "reachable": venue.reachable,
        "maintenance": venue.maintenance,
        "read_only": venue.read_only,
        "clock_skew_ms": venue.clock_skew_ms,
        "margin_ratio": number(venue.margin_ratio),
        "liquidation_distance": number(venue.liquidation_distance),
        "available_usdt": number(venue.available_usdt),
        "margin_level": margin_decision(venue).level.value,
    }


def _pairs(findings: tuple[Finding, ...]) -> list[list[str]]:
    return [[str(item.key), item.text] for item in findings]


def _store(
    now: datetime, exposure: ExposureSnapshot, pnl: PnlFigures, venues: tuple[VenueFigures, ...], verdict: Verdict
) -> GovernorSample:
    sample = GovernorSample(
        at=now,
        total_notional_usdt=exposure.total_notional_usdt,
        realized_today_usdt=pnl.realized_today_usdt,
        unrealized_usdt=pnl.unrealized_usdt,
        clock_skew_ms=largest_skew(venues),
        per_venue={venue: number(value) for venue, value in exposure.per_venue.items()},
        per_symbol={symbol: number(value) for symbol, value in exposure.per_symbol.items()},
        venues={venue.venue: _venue_row(venue) for venue in venues},
        breaches=_pairs(verdict.breaches),
        entry_stops=_pairs(verdict.entry_stops),
    )
    statements.insert(sample)
    return sample


def _engage(verdict: Verdict) -> None:
    if verdict.breaches:
        reason = "; ".join(item.text for item in verdict.breaches)
        hold_engage_unless_held(reason=reason, source="governor")


def _adopt_hold_file() -> None:
    """A file that someone put by hand, or that outlived a crash in the middle of a HOLD, becomes a HOLD."""
    if not hold_file.present() or DeskState.objects.filter(pk=1, hold_active=True).exists():
        return
    document = hold_file.read() or {}
    reason = str(document.get("reason") or "a HOLD file was found beside the data")
    hold_engage(reason=reason, source=str(document.get("source") or GovernorGuard.HOLD_FILE.value))


def _alarm_margins(venues: tuple[VenueFigures, ...], before: GovernorSample | None) -> None:
    """Once per change of a venue's level, not once per sample."""
    old = before.venues if before else {}
    for venue in venues:
        decision = margin_decision(venue)
        if decision.level not in (MarginLevel.ALARM, MarginLevel.REDUCE):
            continue
        if old.get(venue.venue, {}).get("margin_level") != decision.level.value:
            alert(kind=f"margin_{decision.level}", severity="critical", text=decision.text)


_REPEATERS = """
SELECT strategy, count(*) FROM risk_reservation
 WHERE created_at >= %s AND NOT simulated GROUP BY strategy HAVING count(*) > %s
"""


def _throttle_repeaters(now: datetime) -> None:
    """Latch a strategy that opens real hedges faster than anybody wants (RTS 6 article 15)."""
    for name, count in statements.rows(_REPEATERS, [now - timedelta(minutes=1), REPEATS_PER_MINUTE]):
        strategy_throttle(name=name, reason=f"{count} real hedges were journaled within a minute")


def governor_sample(*, now: datetime | None = None) -> GovernorSample:
    """Look at everything once, store it, engage HOLD for a breach, freeze what lost too much.

    Raises when a figure cannot be read. Never call it inside a transaction: the HOLD it may engage is durable.
    """
    now = now or utc_now()
    with unread_look():
        return _sample(now)


def _sample(now: datetime) -> GovernorSample:
    before = last_sample()
    exposure, pnl, venues = ports().exposure(), ports().pnl(now), tuple(ports().venues())
    verdict = judge(limits=limits_read(), exposure=exposure, pnl=pnl, venues=venues, accounts=accounts_in_use())
    sample = _store(now, exposure, pnl, venues, verdict)
    _engage(verdict)
    _adopt_hold_file()
    budgets_roll_over(now)
    freeze_on_daily_loss(pnl, now)
    _throttle_repeaters(now)
    if accounts_in_use():
        _alarm_margins(venues, before)
    return sample


def sample_ensure(max_age_seconds: float = 1) -> None:
    """That a sample at most so old stands, for whoever only needs it to have been looked."""
    if _is_young(last_sample(), max_age_seconds):
        return
    with fresh_reads():  # the look around is older than we want: there may be a younger sample by now
        if not _is_young(last_sample(), max_age_seconds):
            governor_sample()


def _is_young(sample: GovernorSample | None, max_age_seconds: float) -> bool:
    """A sample from the future counts as old."""
    return sample is not None and timedelta(0) <= utc_now() - sample.at <= timedelta(seconds=max_age_seconds)


def fresh_sample(max_age_seconds: float = 1) -> GovernorSample:
    """The newest sample when it is at most so old, else a new one."""
    sample = last_sample()
    return sample if sample is not None and _is_young(sample, max_age_seconds) else governor_sample()


def margin_decisions() -> list[MarginDecision]:
    """What the margin guard wants of each venue now; the engine executes the reductions."""
    return [margin_decision(venue) for venue in ports().venues()] if accounts_in_use() else []


def throttle_read() -> ThrottleState:
    """NORMAL or REDUCED, by the real loss of the day; dry run shrinks as well, for it shows what would be."""
    realized: Decimal = ports().pnl(utc_now()).realized_today_usdt
    return throttle_of(realized, limits_read().value("MAX_DAILY_LOSS_USDT"))


def samples_prune(now: datetime) -> int:
    return rows_prune(GovernorSample.objects.filter(at__lt=now - KEEP_SAMPLES))
