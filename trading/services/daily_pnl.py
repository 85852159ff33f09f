"""Realized PnL by day and strategy, booked the moment a hedge's realized figure moves."""

from datetime import datetime
from decimal import Decimal

from trading.ledger_math import Running
from trading.models import DailyPnl


def daily_pnl_book(*, strategy: str, simulated: bool, amount: Decimal, at: datetime) -> None:
    """Add ``amount`` to the UTC day of ``at``, inside the caller's transaction. The strategy's latest row is locked,
    so that two bookings cannot both start from the same running total."""
    if not amount:
        return
    rows = DailyPnl.objects.select_for_update().filter(strategy=strategy, simulated=simulated)
    latest = rows.order_by("-day").first()
    # A booking never lies before the latest day: a clock that stepped back must not fork the running total.
    day = max(at.date(), latest.day) if latest else at.date()
    running = (
        Running(latest.running_total_usdt, latest.running_peak_usdt, latest.max_drawdown_usdt) if latest else Running()
    )
    after = running.after(amount)
    columns = {
        "running_total_usdt": after.total,
        "running_peak_usdt": after.peak,
        "max_drawdown_usdt": after.drawdown,
    }
    if latest is not None and latest.day == day:
        rows.filter(pk=latest.pk).update(realized_usdt=latest.realized_usdt + amount, **columns)
        return
    DailyPnl.objects.create(day=day, strategy=strategy, simulated=simulated, realized_usdt=amount, **columns)
