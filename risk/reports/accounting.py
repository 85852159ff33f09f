"""Budgets, strategies and capital, as they are now. Unknown figures are null, never 0."""

from decimal import Decimal

from risk.models import Strategy
from risk.ports import ports
from risk.reports.book import (
    ZERO,
    Book,
    Payload,
    book_read,
    breach_reasons,
    breaches,
    budget_payload,
    capacity_full,
    strategy_state,
)
from risk.selectors import control_read


def risk_limits_payload(row: Strategy) -> Payload:
    return {
        "daily_loss_usdt": row.daily_loss_usdt,
        "max_consecutive_failures": row.max_consecutive_failures,
        "max_notional_usdt": row.max_notional_usdt,
        "max_open_positions": row.max_open_positions,
    }


def strategy_status_row(book: Book, row: Strategy) -> Payload:
    pnl = book.pnl_of(row.name)
    return {
        "strategy": row.name,
        "enabled": row.enabled,
        "state": strategy_state(book, row),
        "frozen": row.frozen,
        "throttled": row.throttled,
        "freeze_reason": row.freeze_reason or None,
        "breach_reasons": breach_reasons(book, row),
        "consecutive_failures": row.consecutive_failures,
        "budget_blocked": book.facts(row).budget_exhausted,
        "realized_pnl_today": pnl.realized_today_usdt,
        "realized_pnl_total": pnl.realized_total_usdt,
        "realized_pnl_7d": pnl.realized_7d_usdt,
        "max_drawdown_observed": pnl.max_drawdown_usdt,
        "budget": budget_payload(book, row),
        "risk_limits": risk_limits_payload(row),
    }


def strategy_status_payload() -> Payload:
    book = book_read()
    rows = [strategy_status_row(book, row) for row in book.strategies]
    return {"strategies": rows, "snapshot": {row["strategy"]: row for row in rows}}


def strategy_budget_payload() -> Payload:
    book = book_read()
    rows = [
        {
            "strategy": row.name,
            "max_notional_usdt": row.max_notional_usdt,
            "current_notional_usdt": book.use_of(row.name).open_notional_usdt,
            "max_open_positions": row.max_open_positions,
            "current_open_positions": book.use_of(row.name).open_hedges,
            "blocked": capacity_full(book, row),
            "budget": budget_payload(book, row),
        }
        for row in book.strategies
    ]
    return {"strategies": rows, "snapshot": {row["strategy"]: row for row in rows}}


def _total_capital() -> Decimal | None:
    """The venues' equity together; None while one is not read, or no account is in use."""
    known = [venue.equity_usdt for venue in ports().venues() if venue.equity_usdt is not None]
    complete = len(known) == len(ports().venues()) and known
    return sum(known, ZERO) if complete else None


def capital_payload() -> Payload:
    book, total = book_read(), _total_capital()
    use = {row.name: book.use_of(row.name).open_notional_usdt for row in book.strategies}
    return {
        "total_capital_usdt": total,
        "per_strategy_limits": {row.name: {"max_notional": row.max_notional_usdt} for row in book.strategies},
        "current_usage": {name: {"open_notional": amount} for name, amount in use.items()},
        "headroom": {row.name: max(ZERO, row.max_notional_usdt - use[row.name]) for row in book.strategies},
        "total_headroom_usdt": max(
            ZERO, book.limits.value("MAX_TOTAL_NOTIONAL_USDT") - book.exposure.total_notional_usdt
        ),
    }


def risk_state_payload() -> Payload:
    """Limits, what stands against them, what is passed, and each strategy."""
    book = book_read()
    return {
        "flags": {
            "risk_checks_enabled": book.flags.checks,
            "risk_enforce_caps": book.flags.caps,
            "risk_enforce_budgets": book.flags.budgets,
        },
        "limits": {
            f"{name}{'__' + scope if scope else ''}": value for (name, scope), value in book.limits.values.items()
        },
        "limits_version": book.limits.version,
        "current": {
            "open_positions": book.exposure.open_hedges,
            "total_notional_usdt": book.exposure.total_notional_usdt,
            "reserved_notional_usdt": book.reserved.notional_usdt,
            "per_venue": dict(book.exposure.per_venue),
            "per_symbol": dict(book.exposure.per_symbol),
            "open_orders": dict(book.exposure.open_orders),
            "partial_hedges": book.exposure.partial_hedges,
            "order_notional_usdt": control_read().order_notional_usdt,
        },
        "breaches": breaches(book),
        "per_strategy": {row.name: strategy_status_row(book, row) for row in book.strategies},
    }
