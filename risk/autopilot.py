"""Whether the desk may resume by itself after a start: every blocker that stands, by name. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from risk.intents import VenueFigures

SECOND_START = timedelta(minutes=15)
WAIT_AT_MOST = timedelta(seconds=120)
CLEAN_ROUNDS = 2
# HOLDs that people or a start put are no fault by themselves; a start's own is what autopilot may lift.
OWN_SOURCES = frozenset({"restart"})


@dataclass(frozen=True)
class StartFacts:
    epoch: int
    hold_id: int
    fingerprint: str
    started_at: datetime
    previous: Mapping[str, Any]


@dataclass(frozen=True)
class EarlierStart:
    fingerprint: str
    started_at: datetime
    clean_stop: bool


@dataclass(frozen=True)
class AutopilotFacts:
    """What is known at the moment of the decision."""

    start: StartFacts
    earlier: EarlierStart | None
    hold_id: int
    foreign_hold_file: bool
    runaway: tuple[str, ...]
    failing_strategies: tuple[str, ...]
    frozen_strategies: tuple[str, ...]
    exhausted_budgets: tuple[str, ...]
    venues: tuple[VenueFigures, ...]
    configuration_problems: tuple[str, ...]
    clean_rounds: int
    unproven_orders: int
    partial_hedges: int
    breaches: tuple[str, ...]


def ready_to_decide(*, clean_rounds: int, started_at: datetime, now: datetime) -> bool:
    """After the second clean round, or 120 s: a venue that never answers must not keep it waiting for ever."""
    return clean_rounds >= CLEAN_ROUNDS or now - started_at >= WAIT_AT_MOST


def _history(facts: AutopilotFacts) -> Iterator[str]:
    if facts.earlier is None:
        yield "first_start: no earlier start is known"
        return
    if not facts.earlier.clean_stop:
        yield "unclean_stop: the last stop was not orderly"
    if facts.start.started_at - facts.earlier.started_at < SECOND_START:
        yield "second_start: it started twice within 15 minutes"
    if facts.start.fingerprint != facts.earlier.fingerprint:
        yield "configuration_changed: the fingerprint is not the last start's"


def _previous(facts: AutopilotFacts) -> Iterator[str]:
    before = facts.start.previous
    if before.get("hold_active"):
        yield f"manual_hold: HOLD by {before.get('hold_source')} stood before the start: {before.get('hold_reason')}"
    elif before.get("mode") != "RUN":
        yield "not_running: the desk was not in RUN before the start"
    if before.get("safe_mode"):
        yield "safe_mode: SAFE_MODE was on before the start"
    if facts.hold_id != facts.start.hold_id:
        yield f"manual_hold: HOLD #{facts.hold_id} came after the start's own"
    if facts.foreign_hold_file:
        yield "hold_file: a HOLD file of another HOLD stands"


def _venues(facts: AutopilotFacts) -> Iterator[str]:
    for venue in facts.venues:
        if venue.reachable is not True:
            yield f"venue_unreachable: {venue.venue}"
        if venue.clock_skew_ms is None or venue.clock_breaches:
            yield f"clock: {venue.venue} is off or not measured"


def _trading(facts: AutopilotFacts) -> Iterator[str]:
    if facts.clean_rounds < CLEAN_ROUNDS:
        yield f"reconciliation: {facts.clean_rounds} clean rounds of {CLEAN_ROUNDS}"
    if facts.unproven_orders:
        yield f"unresolved_orders: {facts.unproven_orders}"
    if facts.partial_hedges:
        yield f"partial_hedges: {facts.partial_hedges}"


def blockers(facts: AutopilotFacts) -> list[str]:
    """Every blocker, each as ``name: explanation``; empty means fully green."""
    named = {
        "runaway": facts.runaway,
        "auto_hedge_failures": facts.failing_strategies,
        "frozen_strategy": facts.frozen_strategies,
        "budget_exhausted": facts.exhausted_budgets,
        "configuration": facts.configuration_problems,
        "risk_breach": facts.breaches,
    }
    found = [*_history(facts), *_previous(facts), *_venues(facts), *_trading(facts)]
    for name, items in named.items():
        found.extend(f"{name}: {item}" for item in items)
    return found
