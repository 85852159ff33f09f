"""Statuses and codes of the risk floor: value, label, and the groups that code asks for."""

from django.db import models


class DeskMode(models.TextChoices):
    HOLD = "HOLD", "HOLD"
    RUN = "RUN", "RUN"


class StrategyState(models.TextChoices):
    ACTIVE = "active", "active"
    BLOCKED_BY_RISK = "blocked_by_risk", "blocked by risk"
    FROZEN_BY_RISK = "frozen_by_risk", "frozen by risk"


STRATEGY_COLOURS = {
    StrategyState.ACTIVE: "success",
    StrategyState.BLOCKED_BY_RISK: "danger",
    StrategyState.FROZEN_BY_RISK: "danger",
}


class ReservationStatus(models.TextChoices):
    HELD = "held", "held"
    CONVERTED = "converted", "converted into exposure"
    RELEASED = "released", "released"


class BlockSource(models.TextChoices):
    RECONCILIATION = "reconciliation", "reconciliation"
    QUARANTINE = "quarantine", "quarantine"
    WATCHDOG = "watchdog", "watchdog"
    OPERATOR = "operator", "operator"
    ENGINE = "engine", "engine"


class AutopilotVerdict(models.TextChoices):
    RESUME = "resume", "resumed"
    REFUSE = "refuse", "refused"


class GovernorGuard(models.TextChoices):
    """Each reason for which the governor engages HOLD by itself."""

    DAILY_LOSS = "daily_loss", "daily loss"
    TOTAL_NOTIONAL = "total_notional", "open exposure"
    UNREALIZED_LOSS = "unrealized_loss", "unrealized loss"
    CLOCK_SKEW = "clock_skew", "clock skew"
    MAINTENANCE = "maintenance", "maintenance"
    READ_ONLY = "read_only", "read only"
    HOLD_FILE = "hold_file", "HOLD file"
