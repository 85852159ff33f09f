"""Gathers what the pure gate judges by. Every read raises when it cannot: an unread figure blocks (law 9)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import models

from propbot import statements
from propbot.clock import utc_now
from propbot.config import values
from propbot.statements import Question
from risk import budgets
from risk.choices import ReservationStatus
from risk.gate import GateFacts, Reserved, RiskFlags, StrategyFacts
from risk.intents import ExposureSnapshot, StrategyExposure, StrategyPnl
from risk.looks import asked, plainly
from risk.models import Reservation, Strategy
from risk.ports import ports
from risk.registry import strategy_names
from risk.seeding import strategy_seed
from risk.services.limits import limits_read


def risk_flags() -> RiskFlags:
    env = values()
    return RiskFlags(
        checks=env.flag("RISK_CHECKS_ENABLED"),
        caps=env.flag("RISK_ENFORCE_CAPS"),
        budgets=env.flag("RISK_ENFORCE_BUDGETS"),
    )


HELD = f"WHERE status = '{ReservationStatus.HELD}' AND NOT simulated"


def held_reservations() -> "models.QuerySet[Reservation]":
    return Reservation.objects.filter(status=ReservationStatus.HELD, simulated=False)


@asked(plainly)
def reserved_now() -> Question[Reserved]:
    """The sum of what real intents in flight have reserved."""
    return statements.rows_of(Reservation, HELD).then(lambda found: sum_reservations(row for row, _ in found))


def sum_reservations(rows: Iterable[Reservation]) -> Reserved:
    total, count = Decimal(0), 0
    per_venue: dict[str, Decimal] = {}
    per_symbol: dict[str, Decimal] = {}
    per_strategy: dict[str, StrategyExposure] = {}
    for row in rows:
        amount: Decimal = row.notional_usdt
        total += amount
        count += 1
        for venue in (row.long_venue, row.short_venue):
            per_venue[venue] = per_venue.get(venue, Decimal(0)) + amount
        per_symbol[row.symbol] = per_symbol.get(row.symbol, Decimal(0)) + amount
        held = per_strategy.get(row.strategy, StrategyExposure())
        per_strategy[row.strategy] = StrategyExposure(held.open_notional_usdt + amount, held.open_hedges + 1)
    return Reserved(total, count, per_venue, per_symbol, per_strategy)


def budget_base(row: Strategy) -> budgets.BudgetBase:
    return budgets.BudgetBase(row.last_reset_at, row.loss_baseline_usdt)


def used_today(row: Strategy, pnl: StrategyPnl, now: datetime) -> Decimal:
    """The realized loss since the last reset; after 00:00 UTC the day begins anew whatever beat has missed."""
    return budgets.used_today(budget_base(row), pnl.realized_today_usdt, now)


def last_reset_at(row: Strategy, now: datetime) -> datetime:
    """When the daily budget was last full: by hand, or at 00:00 UTC. A clock that stepped back changes nothing."""
    return budgets.last_full_at(budget_base(row), now)


def strategy_facts_of(row: Strategy, pnl: StrategyPnl, now: datetime) -> StrategyFacts:
    return StrategyFacts(
        name=row.name,
        enabled=row.enabled,
        frozen=row.frozen,
        freeze_reason=row.freeze_reason,
        throttled=row.throttled,
        max_notional_usdt=row.max_notional_usdt,
        max_open_positions=row.max_open_positions,
        daily_loss_usdt=row.daily_loss_usdt,
        used_today_usdt=used_today(row, pnl, now),
    )


def strategy_row(name: str) -> Strategy | None:
    """The row of a registered strategy, made at its first use; None for a name that nobody registered."""
    row = strategy_stored(name)
    if row is None and name in strategy_names():
        return strategy_seed(name)
    return row


@asked(lambda name: name)
def strategy_stored(name: str) -> Question[Strategy | None]:
    """The row as it stands."""
    return statements.rows_of(Strategy, "WHERE name = %s", [name]).then(lambda found: found[0][0] if found else None)


def strategy_facts(name: str) -> StrategyFacts | None:
    row = strategy_row(name)
    if row is None:
        return None
    now = utc_now()
    return strategy_facts_of(row, strategies_pnl(now).get(name, StrategyPnl()), now)


def strategies_pnl(now: datetime) -> Mapping[str, StrategyPnl]:
    """Realized results alone: no budget asks what is open, so no mark has to be read for it."""
    asked = ports().strategies
    return ports().pnl(now).per_strategy if asked is None else asked(now)


def gate_facts(*, strategy: str, dry_run: bool, exposure: ExposureSnapshot | None = None) -> GateFacts:
    return GateFacts(
        flags=risk_flags(),
        limits=limits_read(),
        exposure=exposure or ports().exposure(),
        reserved=reserved_now(),
        strategy=strategy_facts(strategy),
        dry_run=dry_run,
    )
