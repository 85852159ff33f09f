"""Rounds that compare PropBot's books with the venues'."""

from typing import Any, ClassVar

from django.db import models

from propbot.number_field import NumberField


class ReconciliationRound(models.Model):
    """One comparison. ``clean`` is null while a venue could not be read: unread is not clean, and not a difference."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    trader_epoch = models.BigIntegerField()
    clean: Any = models.BooleanField(null=True)
    venues_read: Any = models.JSONField(default=list)
    summary: Any = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"round {self.pk}"


class ReconciliationDifference(models.Model):
    """What both sides say, and since when."""

    round = models.ForeignKey(ReconciliationRound, on_delete=models.PROTECT, related_name="differences")
    kind = models.CharField(
        max_length=32,
        help_text="position, foreign_position, foreign_order, missing_order, balance, delta, liquidation, adl",
    )
    venue = models.CharField(max_length=32, blank=True)
    symbol = models.CharField(max_length=32, blank=True)
    ours: Any = models.JSONField(null=True)
    theirs: Any = models.JSONField(null=True)
    notional_usdt = NumberField(null=True)
    first_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.symbol} on {self.venue}"
