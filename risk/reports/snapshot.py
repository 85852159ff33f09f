"""The risk snapshot: exposure, score, throttle, value at risk and the accounting of each strategy."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from risk.intents import StrategyExposure, VenueFigures
from risk.models import Strategy
from risk.ports import ports
from risk.reports.book import ZERO, Book, Payload, book_read, breaches, budget_payload
from risk.selectors import accounts_in_use, desk_read
from risk.services.governor import throttle_read
from risk.throttle import published
from risk.var import concentration, stress_table, var_table


def _strategy_accounting(book: Book, row: Strategy) -> Payload:
    held = book.exposure.per_strategy.get(row.name, StrategyExposure())
    return {
        "open_notional": held.open_notional_usdt,
        "open_positions": held.open_hedges,
        "realized_pnl_today": book.pnl_of(row.name).realized_today_usdt,
        "budget": budget_payload(book, row),
    }


def _simulated() -> Payload | None:
    """Shown apart, counted nowhere (law 10)."""
    read = ports().simulated_exposure
    if read is None:
        return None
    exposure = read()
    return {"open_notional": exposure.total_notional_usdt, "open_positions": exposure.open_hedges}


def accounting_payload(book: Book) -> Payload:
    budgets = [book.facts(row).used_today_usdt for row in book.strategies]
    return {
        "totals": {
            "open_notional": book.exposure.total_notional_usdt,
            "open_positions": book.exposure.open_hedges,
            "reserved_notional": book.reserved.notional_usdt,
            "realized_pnl_today": book.pnl.realized_today_usdt,
            "budget_used": sum(budgets, ZERO),
            "breaches": breaches(book),
            "simulated": _simulated(),
        },
        "per_strategy": {row.name: _strategy_accounting(book, row) for row in book.strategies},
    }


def _share(amount: Decimal, limit: Decimal) -> Decimal | None:
    """Of a limit that is in force; None for one that is off."""
    if not limit.is_finite() or limit == 0:
        return None
    return (amount / limit).quantize(Decimal("0.0001"))


def score_parts(book: Book, venues: Sequence[VenueFigures]) -> Payload:
    """How much of each limit is used, from measured figures only; an unknown part is null."""
    margins = [venue.margin_ratio for venue in venues]
    return {
        "exposure": _share(book.exposure.total_notional_usdt, book.limits.value("MAX_TOTAL_NOTIONAL_USDT")),
        "positions": _share(Decimal(book.exposure.open_hedges), book.limits.value("MAX_OPEN_POSITIONS")),
        "daily_loss": _share(max(ZERO, -book.pnl.realized_today_usdt), book.limits.value("MAX_DAILY_LOSS_USDT")),
        "margin": max((ratio for ratio in margins if ratio is not None), default=None),
    }


def risk_score(parts: Payload) -> Decimal | None:
    """The most used part, 0 to 100 and beyond; None when no part is measured."""
    known = [part for part in parts.values() if part is not None]
    return (max(known) * 100).quantize(Decimal("0.01")) if known else None


def var_payload(now: datetime) -> Payload:
    read = ports().book
    if read is None:
        return {"available": False, "reason": "no history of the open book is kept"}
    lines = read(now)
    return {
        "available": True,
        **var_table(lines),
        "stress": stress_table(lines),
        "concentration": concentration(lines),
    }


def risk_snapshot_payload() -> Payload:
    book, desk, venues = book_read(), desk_read(), ports().venues()
    parts = score_parts(book, venues if accounts_in_use() else ())
    return {
        "ts": book.now,
        "total_notional_usd": book.exposure.total_notional_usdt,
        "per_venue": dict(book.exposure.per_venue),
        "partial_hedges_count": book.exposure.partial_hedges,
        "autopilot_enabled": desk.autopilot_permitted,
        "hold_active": desk.hold_active,
        "safe_mode": desk.safe_mode,
        "dry_run_mode": desk.dry_run,
        "risk_score": risk_score(parts),
        "risk_score_parts": parts,
        "throttle": published(throttle_read()),
        "var": var_payload(book.now),
        "accounting": accounting_payload(book),
    }
