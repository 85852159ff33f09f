"""Before HOLD, the desk shrinks: sizes and frequency by the day's drawdown (the published table). Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

NORMAL, REDUCED = "NORMAL", "REDUCED"
# A tenth of the runaway guard's orders: a strategy that repeats itself is stopped long before the desk is.
REPEATS_PER_MINUTE = 30


@dataclass(frozen=True)
class ThrottleStep:
    """From this share of MAX_DAILY_LOSS_USDT on, sizes are multiplied and intervals stretched by these."""

    from_share: Decimal
    size_factor: Decimal
    interval_factor: Decimal


TABLE = (
    ThrottleStep(Decimal("0.75"), Decimal("0.25"), Decimal(4)),
    ThrottleStep(Decimal("0.50"), Decimal("0.50"), Decimal(2)),
    ThrottleStep(Decimal("0.25"), Decimal("0.75"), Decimal("1.5")),
    ThrottleStep(Decimal(0), Decimal(1), Decimal(1)),
)


@dataclass(frozen=True)
class ThrottleState:
    state: str
    loss_share: Decimal
    size_factor: Decimal
    interval_factor: Decimal


def throttle_of(realized_today_usdt: Decimal, max_daily_loss_usdt: Decimal) -> ThrottleState:
    """``max_daily_loss_usdt`` infinite (the guard is off): never reduced. A profit is no loss."""
    loss = max(Decimal(0), -realized_today_usdt)
    share = loss / max_daily_loss_usdt if max_daily_loss_usdt.is_finite() else Decimal(0)
    step = next(item for item in TABLE if share >= item.from_share)
    state = REDUCED if step.size_factor < 1 else NORMAL
    return ThrottleState(state, share, step.size_factor, step.interval_factor)


def published(found: ThrottleState) -> dict[str, Any]:
    """Where the desk stands in the table, with the whole of it, and the repetitions that latch a strategy."""
    return {
        "state": found.state,
        "loss_share": found.loss_share,
        "size_factor": found.size_factor,
        "interval_factor": found.interval_factor,
        "table": [
            {
                "from_loss_share": step.from_share,
                "size_factor": step.size_factor,
                "interval_factor": step.interval_factor,
            }
            for step in reversed(TABLE)
        ],
        "repeats_per_minute": REPEATS_PER_MINUTE,
    }
