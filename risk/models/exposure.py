"""Reservations of intents in flight, skips of the gate, and blocks of a symbol or venue."""

import uuid
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from propbot.number_field import NumberField
from risk import choices


class Reservation(models.Model):
    """Exposure and budget that a journaled hedge may still take. It ends in the transaction that ends the intent."""

    hedge_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    strategy = models.CharField(max_length=64)
    symbol = models.CharField(max_length=32)
    long_venue = models.CharField(max_length=32)
    short_venue = models.CharField(max_length=32)
    notional_usdt = NumberField()
    simulated = models.BooleanField()
    limits_version = models.BigIntegerField()
    status = models.CharField(
        max_length=16, choices=choices.ReservationStatus.choices, default=choices.ReservationStatus.HELD
    )
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(name="reservation_held", fields=["strategy"], condition=Q(status="held")),
            models.Index(name="reservation_created_at", fields=["created_at"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="reservation_positive", condition=Q(notional_usdt__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.notional_usdt} USDT {self.symbol} {self.status}"


class RiskSkip(models.Model):
    """An intent that the gate, a budget or the edge guard turned away; ``enforced`` is false in dry run."""

    at = models.DateTimeField()
    strategy = models.CharField(max_length=64)
    symbol = models.CharField(max_length=32)
    reason = models.CharField(max_length=32, help_text="caps_exceeded, budget_exceeded, strategy_frozen, other_risk")
    state = models.CharField(max_length=32, blank=True)
    cap = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    notional_usdt = NumberField(default=Decimal(0))
    initiator = models.CharField(max_length=128, blank=True)
    simulated = models.BooleanField()
    enforced = models.BooleanField(default=True)
    limits_version = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(name="skip_latest", fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.symbol} {self.reason} {self.cap}"


class EntryBlock(models.Model):
    """The small brother of HOLD: refuses entries of a symbol or a venue and lifts after two clean rounds."""

    symbol = models.CharField(max_length=32, blank=True)
    venue = models.CharField(max_length=32, blank=True)
    source = models.CharField(max_length=32, choices=choices.BlockSource.choices)
    reason = models.TextField()
    details: Any = models.JSONField(default=dict)
    since = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    clean_rounds = models.PositiveSmallIntegerField(default=0)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="entry_block_once", fields=["symbol", "venue", "source"], condition=Q(lifted_at__isnull=True)
            ),
            models.CheckConstraint(name="entry_block_names_something", condition=~(Q(symbol="") & Q(venue=""))),
        ]

    def __str__(self) -> str:
        return f"{self.symbol or self.venue}: {self.reason}"
