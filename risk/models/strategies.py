"""Strategies: what may propose, within which budgets, and what has become of it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from propbot.number_field import NumberField


class Strategy(models.Model):
    """One registered strategy. ``frozen`` is put by risk and lifted by two people; ``enabled`` is the operators'."""

    name = models.CharField(max_length=64, primary_key=True)
    enabled = models.BooleanField(default=True)
    frozen = models.BooleanField(default=False)
    freeze_reason = models.TextField(blank=True)
    frozen_at = models.DateTimeField(null=True)
    throttled = models.BooleanField(default=False, help_text="Latched by the repeated-execution throttle.")
    consecutive_failures = models.PositiveIntegerField(default=0)
    daily_loss_usdt = NumberField()
    max_consecutive_failures = models.PositiveIntegerField()
    max_notional_usdt = NumberField()
    max_open_positions = models.PositiveIntegerField()
    loss_baseline_usdt = NumberField(help_text="Realized PnL of the day when the daily budget was last reset.")
    last_reset_at = models.DateTimeField(help_text="Of the daily-loss budget.")
    reset_by_hand_on = models.DateField(null=True, help_text="The UTC day of the last reset by one person.")
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "strategies"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="strategy_limits_positive",
                condition=Q(daily_loss_usdt__gte=0) & Q(max_notional_usdt__gt=0) & Q(max_consecutive_failures__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StrategyEvent(models.Model):
    """A freeze, an unfreeze, a reset, a switch: never edited."""

    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)
    person = models.CharField(max_length=128)
    reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.strategy.name}"
