"""A hedge and its two legs."""

import uuid
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from propbot.number_field import NumberField
from trading import choices


class Hedge(models.Model):
    """A long and a short leg of equal base quantity; a *position* in the API.

    ``simulated`` is fixed when the hedge opens: the exits of a real hedge are real in dry run too (law 10).
    ``planned_quantity`` is what the entry asked for, ``quantity`` what both legs hold, in base units.
    ``decision`` keeps the inputs of the entry decision, so that it can be replayed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    symbol = models.CharField(max_length=32)
    strategy = models.CharField(max_length=64)
    long_venue = models.CharField(max_length=32)
    short_venue = models.CharField(max_length=32)
    status = models.CharField(max_length=16, choices=choices.HedgeStatus.choices, default=choices.HedgeStatus.OPENING)
    simulated = models.BooleanField()
    planned_quantity = NumberField()
    quantity = NumberField(default=Decimal(0))
    notional_usdt = NumberField(help_text="Planned, then entered, notional of one leg, in USDT.")
    leverage = NumberField(default=Decimal(1))
    entry_long_price = NumberField(null=True)
    entry_short_price = NumberField(null=True)
    entry_spread_bps = NumberField(null=True)
    expected_net_edge_bps = NumberField(null=True)
    realized_pnl_usdt = NumberField(null=True, help_text="So far, from fills, fees and funding.")
    decision: Any = models.JSONField(default=dict)
    timings: Any = models.JSONField(default=dict, help_text="Milliseconds of each step, from the decision on.")
    initiator = models.CharField(max_length=128, help_text="The person's name, or auto_hedge.")
    initiator_id = models.UUIDField(null=True, help_text="The person, when one asked.")
    failure_reason = models.CharField(max_length=64, blank=True)
    close_reason = models.CharField(max_length=64, blank=True)
    trader_epoch = models.BigIntegerField()
    hold_id = models.BigIntegerField()
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    orphaned_at = models.DateTimeField(null=True, help_text="Since when the legs have been unequal.")
    closing_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    legs: "models.Manager[Leg]"

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(
                name="hedge_active",
                fields=["status", "symbol"],
                condition=~Q(status__in=[choices.HedgeStatus.CLOSED, choices.HedgeStatus.FAILED]),
            ),
            models.Index(
                name="hedge_newest_active",
                fields=["-created_at"],
                condition=~Q(status__in=[choices.HedgeStatus.CLOSED, choices.HedgeStatus.FAILED]),
            ),
            models.Index(name="hedge_closed_at", fields=["closed_at"]),
            models.Index(name="hedge_created_at", fields=["-created_at"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="hedge_two_venues", condition=~Q(long_venue=F("short_venue"))),
            models.CheckConstraint(name="hedge_planned_quantity_positive", condition=Q(planned_quantity__gt=0)),
            models.CheckConstraint(name="hedge_quantity_not_negative", condition=Q(quantity__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.long_venue}/{self.short_venue} {self.status}"


class Leg(models.Model):
    """One side of a hedge on one venue. Quantities are base units, never contracts."""

    hedge = models.ForeignKey(Hedge, on_delete=models.PROTECT, related_name="legs")
    position_side = models.CharField(max_length=8, choices=choices.PositionSide.choices)
    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32)
    quantity = NumberField(default=Decimal(0), help_text="Held now: entries less exits.")
    entered_quantity = NumberField(default=Decimal(0))
    exited_quantity = NumberField(default=Decimal(0))
    entry_price = NumberField(null=True, help_text="Average over the entering fills.")
    exit_price = NumberField(null=True, help_text="Average over the leaving fills.")
    fees_usdt = NumberField(default=Decimal(0))

    orders: "models.Manager[Any]"

    class Meta:
        indexes: ClassVar = [models.Index(name="leg_held", fields=["hedge"], condition=Q(quantity__gt=0))]
        constraints: ClassVar = [
            models.UniqueConstraint(name="leg_one_per_side", fields=["hedge", "position_side"]),
            models.CheckConstraint(name="leg_quantity_not_negative", condition=Q(quantity__gte=0)),
            models.CheckConstraint(
                name="leg_quantity_adds_up", condition=Q(quantity=F("entered_quantity") - F("exited_quantity"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position_side} {self.quantity} {self.symbol} on {self.venue}"
