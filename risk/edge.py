"""The edge guard (SPEC 7): is this a moment in which opening makes sense at all? Pure; unknown refuses."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from risk.intents import ExecutionFigures, ExposureSnapshot, VenueFigures
from risk.limits import LimitsTable

TREND_SNAPSHOTS = 5
# A single failure is no rate.
ATTEMPTS_FOR_A_RATE = 5


@dataclass(frozen=True)
class EdgeFacts:
    """``needed_usdt``: margin that the intended entry takes on each of its venues; venues empty without accounts."""

    hold_active: bool
    throttled: tuple[str, ...]
    entry_stops: tuple[str, ...]
    exposure: ExposureSnapshot
    execution: ExecutionFigures
    venues: tuple[VenueFigures, ...]
    needed_usdt: Decimal
    limits: LimitsTable


@dataclass(frozen=True)
class EdgeDecision:
    allowed: bool
    reason: str
    reasons: tuple[str, ...] = ()


def _quality(facts: EdgeFacts) -> Iterator[str]:
    slippage, ceiling = facts.execution.average_slippage_bps, facts.limits.value("EDGE_MAX_SLIPPAGE_BPS")
    if slippage is not None and not (slippage <= ceiling):
        yield f"average slippage {slippage} bps is above EDGE_MAX_SLIPPAGE_BPS {ceiling}"
    rate, highest = facts.execution.failure_rate, facts.limits.value("EDGE_MAX_FAILURE_RATE")
    if rate is not None and facts.execution.attempts_counted >= ATTEMPTS_FOR_A_RATE and not (rate <= highest):
        yield f"failure rate {rate} is above EDGE_MAX_FAILURE_RATE {highest}"


def _falling(trend: tuple[Decimal, ...]) -> bool:
    recent = trend[-TREND_SNAPSHOTS:]
    return len(recent) == TREND_SNAPSHOTS and all(later < earlier for earlier, later in itertools.pairwise(recent))


def _trend(facts: EdgeFacts) -> Iterator[str]:
    heavy = facts.limits.value("EDGE_HEAVY_EXPOSURE_USDT")
    if _falling(facts.execution.unrealized_trend) and facts.exposure.total_notional_usdt >= heavy:
        total = facts.exposure.total_notional_usdt
        yield f"unrealized PnL fell over {TREND_SNAPSHOTS} snapshots under heavy exposure of {total} USDT"


def _balance(facts: EdgeFacts) -> Iterator[str]:
    for venue in facts.venues:
        if venue.available_usdt is None:
            yield f"free balance of {venue.venue} is not known"
        elif not (venue.available_usdt >= facts.needed_usdt):
            yield f"free balance {venue.available_usdt} USDT on {venue.venue} is below {facts.needed_usdt}"


def _all_reasons(facts: EdgeFacts) -> Iterator[str]:
    if facts.hold_active:
        yield "HOLD is active"
    for name in facts.throttled:
        yield f"strategy {name} is throttled"
    if facts.exposure.partial_hedges:
        yield f"{facts.exposure.partial_hedges} partial hedges are outstanding"
    yield from facts.entry_stops
    yield from _quality(facts)
    yield from _trend(facts)
    yield from _balance(facts)


def judge(facts: EdgeFacts) -> EdgeDecision:
    reasons = tuple(_all_reasons(facts))
    return EdgeDecision(not reasons, reasons[0] if reasons else "ok", reasons)
