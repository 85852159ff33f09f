"""Strategies, limits against use, guards: the rows of risk beside what trading's ports say now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import structlog
from django.db import Error as DatabaseError

from risk.edge import EdgeFacts, judge
from risk.gate import Reserved
from risk.intents import (
    ExecutionFigures,
    ExposureSnapshot,
    PnlFigures,
    StrategyExposure,
    StrategyPnl,
    VenueFigures,
)
from risk.limits import INFINITE, LimitsTable
from risk.models import Strategy
from risk.ports import PortsNotRegisteredError, ports
from risk.selectors import accounts_in_use, control_read, last_sample
from risk.services.facts import last_reset_at, reserved_now, risk_flags, used_today
from risk.services.limits import limits_read

log = structlog.get_logger(__name__)
NEAR_SHARE = Decimal("0.8")
WARN_SHARE = Decimal("0.6")
Figure = TypeVar("Figure")


@dataclass(frozen=True)
class RiskReadings:
    """One reading of everything risk asks trading for; None where it could not be read (law 9)."""

    exposure: ExposureSnapshot | None
    pnl: PnlFigures | None
    execution: ExecutionFigures | None
    reserved: Reserved
    limits: LimitsTable


def _read(what: str, read: Callable[[], Figure]) -> Figure | None:
    try:
        return read()
    except DatabaseError:
        raise
    except (PortsNotRegisteredError, ArithmeticError, LookupError, OSError, RuntimeError) as error:
        # The port says "unread" by raising; what cannot be read is shown as no data, never as zero.
        log.warning("figure_unread", what=what, cause=error.__class__.__name__)
        return None


def risk_readings(now: datetime) -> RiskReadings:
    return RiskReadings(
        exposure=_read("exposure", lambda: ports().exposure()),
        pnl=_read("pnl", lambda: ports().pnl(now)),
        execution=_read("execution", lambda: ports().execution(now)),
        reserved=reserved_now(),
        limits=limits_read(),
    )


def percent(used: Decimal | int | None, limit: Decimal | None) -> int | None:
    if used is None or limit is None or limit <= 0:
        return None
    return min(100, int(Decimal(used) * 100 / limit))


def bar_tone(share: int | None) -> str:
    if share is None:
        return ""
    return "is-bad" if share >= 90 else "is-warn" if share >= 60 else ""


def strategy_state(row: Strategy, *, blocked: bool) -> str:
    if row.frozen:
        return "frozen_by_risk"
    return "blocked_by_risk" if blocked or row.throttled else "active"


def strategy_figures(readings: RiskReadings, now: datetime) -> list[dict[str, Any]]:
    return [_strategy(row, readings, now) for row in Strategy.objects.all()]


def _strategy(row: Strategy, readings: RiskReadings, now: datetime) -> dict[str, Any]:
    pnl = None if readings.pnl is None else readings.pnl.per_strategy.get(row.name, StrategyPnl())
    held = None if readings.exposure is None else readings.exposure.per_strategy.get(row.name, StrategyExposure())
    used = None if pnl is None else used_today(row, pnl, now)
    remaining = None if used is None else max(Decimal(0), row.daily_loss_usdt - used)
    exhausted = remaining is not None and remaining == 0
    full = held is not None and (
        held.open_notional_usdt >= row.max_notional_usdt or held.open_hedges >= row.max_open_positions
    )
    flags = risk_flags()
    return {
        "name": row.name,
        "enabled": row.enabled,
        "frozen": row.frozen,
        "freeze_reason": row.freeze_reason,
        "state": strategy_state(row, blocked=full or (exhausted and flags.checks and flags.budgets)),
        "failures": row.consecutive_failures,
        "open_positions": None if held is None else held.open_hedges,
        "max_open_positions": row.max_open_positions,
        "open_notional": None if held is None else held.open_notional_usdt,
        "max_notional": row.max_notional_usdt,
        "realized_today": None if pnl is None else pnl.realized_today_usdt,
        "realized_7d": None if pnl is None else pnl.realized_7d_usdt,
        "realized_total": None if pnl is None else pnl.realized_total_usdt,
        "drawdown": None if pnl is None else pnl.max_drawdown_usdt,
        "limit": row.daily_loss_usdt,
        "used_today": used,
        "remaining": remaining,
        "last_reset": last_reset_at(row, now),
        "budget_blocked": exhausted,
    }


def _limit_row(title: str, used: Decimal | int | None, limit: Decimal) -> dict[str, Any]:
    value = None if limit == INFINITE else limit
    share = percent(used, value)
    return {"title": title, "used": used, "value": value, "percent": share, "tone": bar_tone(share)}


def limit_figures(readings: RiskReadings) -> list[dict[str, Any]]:
    """Caps beside exposure and reservations of real intents in flight, as the gate adds them."""
    table, exposure, reserved = readings.limits, readings.exposure, readings.reserved
    total = None if exposure is None else exposure.total_notional_usdt + reserved.notional_usdt
    count = None if exposure is None else exposure.open_hedges + reserved.hedges
    rows = [
        _limit_row("Open hedges", count, table.value("MAX_OPEN_POSITIONS")),
        _limit_row("Open notional, USDT", total, table.value("MAX_TOTAL_NOTIONAL_USDT")),
    ]
    rows += [
        _limit_row(f"Notional on {venue}", _on(exposure, reserved, venue), table.venue_notional(venue))
        for venue in sorted({*table.per_venue(), *(exposure.per_venue if exposure else ())})
    ]
    loss = None if readings.pnl is None else max(Decimal(0), -readings.pnl.realized_today_usdt)
    daily = table.value("MAX_DAILY_LOSS_USDT")
    rows.append(_limit_row("Realized loss today, USDT", loss, daily))
    return rows


def _on(exposure: ExposureSnapshot | None, reserved: Reserved, venue: str) -> Decimal | None:
    if exposure is None:
        return None
    return exposure.per_venue.get(venue, Decimal(0)) + reserved.per_venue.get(venue, Decimal(0))


def runaway_figures(readings: RiskReadings) -> list[dict[str, Any]]:
    """Orders and cancels of the rolling minute against their limits; NEAR LIMIT from 80 %."""
    found = readings.execution
    counts = {
        "orders": ("Orders per minute", "MAX_ORDERS_PER_MIN", found.orders_last_minute if found else None),
        "cancels": ("Cancels per minute", "MAX_CANCELS_PER_MIN", found.cancels_last_minute if found else None),
    }
    rows = []
    for kind, (title, name, count) in counts.items():
        limit = readings.limits.value(name)
        share = percent(count, limit)
        near = count is not None and Decimal(count) >= NEAR_SHARE * limit
        rows.append(
            {
                "kind": kind,
                "title": title,
                "count": count,
                "limit": limit,
                "near": near,
                "percent": share,
                "tone": "is-bad" if near else bar_tone(share),
            }
        )
    return rows


def edge_figures(readings: RiskReadings, *, hold_active: bool) -> dict[str, Any]:
    """What the edge guard says to an entry now; ``allowed`` is null when a figure could not be read.

    Judged by the governor's last stored sample: a page that is looked at takes none of its own (RELIABILITY H5).
    """
    sample, venues = last_sample(), _read("venues", _venues_in_use)
    if sample is None or venues is None or readings.exposure is None or readings.execution is None:
        return {"allowed": None, "reason": None}
    decision = judge(
        EdgeFacts(
            hold_active=hold_active,
            throttled=tuple(Strategy.objects.filter(throttled=True).values_list("name", flat=True)),
            entry_stops=tuple(text for _, text in sample.entry_stops),
            exposure=readings.exposure,
            execution=readings.execution,
            venues=venues,
            needed_usdt=control_read().order_notional_usdt,
            limits=readings.limits,
        )
    )
    return {"allowed": decision.allowed, "reason": decision.reason or None}


def _venues_in_use() -> tuple[VenueFigures, ...]:
    return tuple(ports().venues()) if accounts_in_use() else ()
