"""What real calls have told about each venue."""

from typing import Any, ClassVar

from django.db import models


class VenueHealth(models.Model):
    """Written by the trader from every real call; it makes none of its own."""

    venue = models.CharField(max_length=32, primary_key=True)
    reachable = models.BooleanField(null=True)
    rate_limited = models.BooleanField(default=False)
    maintenance = models.BooleanField(default=False)
    read_only = models.BooleanField(default=False)
    last_ok_at = models.DateTimeField(null=True)
    last_error_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    rtt_ms_p50 = models.FloatField(null=True)
    rtt_ms_p95 = models.FloatField(null=True)
    clock_skew_ms = models.FloatField(null=True, help_text="Median of five midpoints; positive: the venue is ahead.")
    clock_uncertainty_ms = models.FloatField(null=True, help_text="Half the round trip of the median sample.")
    clock_breaches = models.PositiveIntegerField(default=0, help_text="Samples in a row beyond the threshold.")
    clock_checked_at = models.DateTimeField(null=True)
    preflight: Any = models.JSONField(default=dict, help_text="Position mode, margin mode, permissions, environment.")
    preflight_ok = models.BooleanField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["venue"]
        verbose_name_plural = "venue health"

    def __str__(self) -> str:
        return self.venue
