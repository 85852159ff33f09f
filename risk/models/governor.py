"""What the governor saw."""

from typing import Any, ClassVar

from django.db import models

from propbot.number_field import NumberField


class GovernorSample(models.Model):
    """One sample. A null figure was unknown at that moment, which is not zero (law 9)."""

    at = models.DateTimeField()
    total_notional_usdt = NumberField()
    realized_today_usdt = NumberField()
    unrealized_usdt = NumberField(null=True)
    clock_skew_ms = models.FloatField(null=True, help_text="The largest of the venues.")
    per_venue: Any = models.JSONField(default=dict)
    per_symbol: Any = models.JSONField(default=dict)
    venues: Any = models.JSONField(default=dict)
    breaches: Any = models.JSONField(default=list, help_text="[guard, sentence] of each.")
    entry_stops: Any = models.JSONField(default=list, help_text="What stops entries without HOLD.")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(name="governor_latest", fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {len(self.breaches)} breaches"
