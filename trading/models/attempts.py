"""The hedge log: every attempt to open, close or repair, its outcome and its initiator.

An attempt is also the committed row through which work reaches the trader: a task names it, the trader claims it by
compare-and-swap, a sweeper finds what a lost message left behind, and ``not_after`` drops what comes late.
"""

import uuid
from typing import Any, ClassVar

from django.db import models

from propbot.number_field import NumberField
from trading import choices
from trading.models.hedges import Hedge


class HedgeAttempt(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=choices.AttemptKind.choices)
    status = models.CharField(
        max_length=16, choices=choices.AttemptStatus.choices, default=choices.AttemptStatus.REQUESTED
    )
    initiator = models.CharField(max_length=128)
    initiator_id = models.UUIDField(null=True)
    symbol = models.CharField(max_length=32)
    strategy = models.CharField(max_length=64, blank=True)
    request: Any = models.JSONField(default=dict)
    spread_bps = NumberField(null=True)
    notional_usdt = NumberField(null=True)
    result = models.CharField(max_length=32, blank=True, help_text="opened, skipped, refused, failed, unresolved, ...")
    reason = models.CharField(max_length=64, blank=True)
    answer: Any = models.JSONField(default=dict, help_text="The body of the answer, with its HTTP status.")
    simulated = models.BooleanField(null=True)
    hedge = models.ForeignKey(Hedge, on_delete=models.PROTECT, null=True, related_name="attempts")
    timings: Any = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    not_after = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    claimed_epoch = models.BigIntegerField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(name="attempt_latest", fields=["-created_at"]),
            models.Index(
                name="attempt_waiting",
                fields=["created_at"],
                condition=models.Q(status__in=["requested", "claimed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.symbol} by {self.initiator}: {self.result or self.status}"


class TaskState(models.Model):
    """One row per periodic task of the desk: when it last ran and what it said. Health and the dashboard read it."""

    name = models.CharField(max_length=32, primary_key=True, help_text="scanner, auto_hedge, loop, basis")
    ran_at = models.DateTimeField()
    details: Any = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return f"{self.name} at {self.ran_at:%H:%M:%S}"
