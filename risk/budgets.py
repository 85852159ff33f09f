"""The daily-loss budget (SPEC 7): what of it is used, and when it was last full. Pure; money in USDT, days in UTC.

The day begins anew at 00:00 UTC by these rules alone: nobody has to write anything at midnight.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from propbot.clock import utc_day_start


@dataclass(frozen=True)
class BudgetBase:
    """From when a strategy's loss is counted. ``baseline_usdt`` is the realized figure of that day at a reset."""

    last_reset_at: datetime
    baseline_usdt: Decimal


def baseline_of(base: BudgetBase, now: datetime) -> Decimal:
    """0 once a day has begun since the last reset; a clock that stepped back keeps the one of the reset."""
    return Decimal(0) if day_is_new(base, now) else base.baseline_usdt


def used_today(base: BudgetBase, realized_today_usdt: Decimal, now: datetime) -> Decimal:
    """The realized loss since the budget was last full; a profit uses nothing."""
    return max(Decimal(0), baseline_of(base, now) - realized_today_usdt)


def last_full_at(base: BudgetBase, now: datetime) -> datetime:
    """The later of the last reset and 00:00 UTC of the day."""
    return max(base.last_reset_at, utc_day_start(now))


def day_is_new(base: BudgetBase, now: datetime) -> bool:
    return base.last_reset_at < utc_day_start(now)


def loss_freezes(used_usdt: Decimal, daily_loss_usdt: Decimal) -> bool:
    """A loss beyond the limit freezes; a figure that is no number does too."""
    return not (used_usdt <= daily_loss_usdt)


def remaining(used_usdt: Decimal, daily_loss_usdt: Decimal) -> Decimal:
    return max(Decimal(0), daily_loss_usdt - used_usdt)
