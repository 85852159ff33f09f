"""What the reports read, read once, and what follows from it for a strategy and for the caps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from propbot.clock import utc_now
from risk.budgets import remaining
from risk.choices import StrategyState
from risk.gate import Reserved, RiskFlags, StrategyFacts
from risk.intents import ExposureSnapshot, PnlFigures, StrategyExposure, StrategyPnl
from risk.limits import LimitsTable
from risk.models import Strategy
from risk.ports import ports
from risk.selectors import desk_read, last_sample
from risk.services.facts import last_reset_at, reserved_now, risk_flags, strategy_facts_of
from risk.services.limits import limits_read
from risk.services.strategies import strategies_all

Payload = dict[str, Any]
ZERO = Decimal(0)


@dataclass(frozen=True)
class Book:
    """Everything that the reports read, read once."""

    now: datetime
    exposure: ExposureSnapshot
    reserved: Reserved
    pnl: PnlFigures
    limits: LimitsTable
    strategies: Sequence[Strategy]
    flags: RiskFlags
    dry_run: bool

    def facts(self, row: Strategy) -> StrategyFacts:
        return strategy_facts_of(row, self.pnl_of(row.name), self.now)

    def pnl_of(self, name: str) -> StrategyPnl:
        return self.pnl.per_strategy.get(name, StrategyPnl())

    def use_of(self, name: str) -> StrategyExposure:
        """Open and reserved."""
        held = self.exposure.per_strategy.get(name, StrategyExposure())
        reserved = self.reserved.per_strategy.get(name, StrategyExposure())
        return StrategyExposure(
            held.open_notional_usdt + reserved.open_notional_usdt, held.open_hedges + reserved.open_hedges
        )

    @property
    def budgets_enforced(self) -> bool:
        return self.flags.checks and self.flags.budgets and not self.dry_run


def book_read() -> Book:
    now = utc_now()
    return Book(
        now=now,
        exposure=ports().exposure(),
        reserved=reserved_now(),
        pnl=ports().pnl(now),
        limits=limits_read(),
        strategies=strategies_all(),
        flags=risk_flags(),
        dry_run=desk_read().dry_run,
    )


def budget_payload(book: Book, row: Strategy) -> Payload:
    """The daily-loss budget. ``blocked_by_budget`` also shows where it does not block (SPEC 7)."""
    facts = book.facts(row)
    return {
        "limit_usdt": row.daily_loss_usdt,
        "used_today_usdt": facts.used_today_usdt,
        "remaining_usdt": remaining(facts.used_today_usdt, row.daily_loss_usdt),
        "last_reset_ts_utc": last_reset_at(row, book.now),
        "blocked_by_budget": facts.budget_exhausted,
        "enforced": book.budgets_enforced,
    }


def capacity_full(book: Book, row: Strategy) -> bool:
    use = book.use_of(row.name)
    return use.open_notional_usdt >= row.max_notional_usdt or use.open_hedges >= row.max_open_positions


def breach_reasons(book: Book, row: Strategy) -> list[str]:
    reasons = []
    if row.frozen:
        reasons.append(row.freeze_reason or "frozen")
    if row.throttled:
        reasons.append("throttled: it repeated itself too often")
    if capacity_full(book, row):
        reasons.append("strategy_budget_exceeded")
    if book.facts(row).budget_exhausted:
        reasons.append("daily_loss_budget_exhausted")
    return reasons


def strategy_state(book: Book, row: Strategy) -> str:
    if row.frozen:
        return StrategyState.FROZEN_BY_RISK.value
    exhausted = book.facts(row).budget_exhausted and book.budgets_enforced
    full = capacity_full(book, row) and not book.dry_run
    if exhausted or full or row.throttled:
        return StrategyState.BLOCKED_BY_RISK.value
    return StrategyState.ACTIVE.value


def _cap_breaches(book: Book) -> list[str]:
    limits, exposure = book.limits, book.exposure
    found = []
    if not (exposure.open_hedges <= limits.value("MAX_OPEN_POSITIONS")):
        found.append("max_open_positions")
    if not (exposure.total_notional_usdt <= limits.value("MAX_TOTAL_NOTIONAL_USDT")):
        found.append("max_total_notional_usdt")
    found.extend(
        f"max_notional_per_exchange:{venue}"
        for venue, held in sorted(exposure.per_venue.items())
        if not (held <= limits.venue_notional(venue))
    )
    found.extend(
        f"max_position_usdt:{symbol}"
        for symbol, held in sorted(exposure.per_symbol.items())
        if not (held <= limits.scoped("MAX_POSITION_USDT", symbol))
    )
    return found


def breaches(book: Book) -> list[str]:
    """Caps that are passed now, and what the governor's newest sample found."""
    sample = last_sample()
    return [*_cap_breaches(book), *(text for _, text in (sample.breaches if sample else []))]
