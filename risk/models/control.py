"""What operators set on the running desk, and its history."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from propbot.number_field import NumberField


class ControlSettings(models.Model):
    """One row, first filled from the environment; the row wins afterwards (SPEC 13)."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    post_only = models.BooleanField()
    reduce_only = models.BooleanField()
    order_notional_usdt = NumberField()
    max_slippage_bps = NumberField()
    min_spread_bps = NumberField()
    poll_interval_sec = NumberField()
    loop_pair = models.CharField(max_length=32, blank=True)
    loop_venues: Any = models.JSONField(default=list)
    auto_hedge_enabled = models.BooleanField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "control settings"
        constraints: ClassVar = [
            models.CheckConstraint(name="control_one_row", condition=Q(id=1)),
            models.CheckConstraint(name="control_notional_positive", condition=Q(order_notional_usdt__gt=0)),
            models.CheckConstraint(
                name="control_thresholds_not_negative",
                condition=Q(max_slippage_bps__gte=0) & Q(min_spread_bps__gte=0) & Q(poll_interval_sec__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return "control settings"


class ControlChange(models.Model):
    """One change of the control settings; never edited."""

    at = models.DateTimeField()
    person = models.CharField(max_length=128)
    reason = models.TextField(blank=True)
    before: Any = models.JSONField()
    after: Any = models.JSONField()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return ", ".join(sorted(self.after))
