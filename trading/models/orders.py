"""The journal: every order is a committed row before it is sent (law 2)."""

from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from propbot.number_field import NumberField
from trading import choices
from trading.models.hedges import Hedge, Leg


class Order(models.Model):
    """One order, under one client order id, sent at most once.

    ``expires_at`` is the venue-side expiry (recvWindow, expTime) derived from the committed
    ``sending_at``: a trader frozen in between sends only what has expired.
    """

    client_order_id = models.CharField(max_length=32, unique=True)
    hedge = models.ForeignKey(Hedge, on_delete=models.PROTECT, related_name="orders")
    leg = models.ForeignKey(Leg, on_delete=models.PROTECT, related_name="orders")
    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32)
    purpose = models.CharField(max_length=16, choices=choices.OrderPurpose.choices)
    side = models.CharField(max_length=8, choices=choices.OrderSide.choices)
    order_type = models.CharField(max_length=8, choices=choices.OrderType.choices)
    time_in_force = models.CharField(max_length=16, choices=choices.TimeInForce.choices, blank=True)
    reduce_only = models.BooleanField()
    simulated = models.BooleanField()
    quantity = NumberField(help_text="Base units.")
    limit_price = NumberField(null=True)
    status = models.CharField(max_length=16, choices=choices.OrderStatus.choices, default=choices.OrderStatus.PLANNED)
    filled_quantity = NumberField(default=Decimal(0), help_text="Base units; only ever grows.")
    average_price = NumberField(null=True)
    venue_order_id = models.CharField(max_length=64, blank=True)
    outcome_code = models.CharField(max_length=64, blank=True, help_text="The venue's raw code, or ours.")
    outcome_text = models.TextField(blank=True, help_text="Redacted answer of the venue.")
    trader_epoch = models.BigIntegerField()
    limits_version = models.BigIntegerField(null=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField()
    sending_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True, help_text="When the resolver asks the venue again.")
    checks = models.PositiveIntegerField(default=0)
    not_found_answers = models.PositiveIntegerField(default=0, help_text="In a row.")
    cancel_requested_at = models.DateTimeField(null=True)
    fills_booked = models.BooleanField(default=False, help_text="The fills in the ledger add up to filled_quantity.")

    events: "models.Manager[Any]"
    fills: "models.Manager[Any]"

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="order_sending_at", fields=["sending_at"]),
            models.Index(
                name="order_live",
                fields=["venue", "symbol", "status"],
                condition=Q(status__in=["planned", "sending", "unknown", "open"]),
            ),
            models.Index(name="order_created_at", fields=["-created_at"]),
            models.Index(name="order_cancel_requested_at", fields=["cancel_requested_at"]),
            models.Index(
                name="order_unbooked", fields=["id"], condition=Q(fills_booked=False) & Q(filled_quantity__gt=0)
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="order_quantity_positive", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="order_fill_within_quantity",
                condition=Q(filled_quantity__gte=0) & Q(filled_quantity__lte=F("quantity")),
            ),
            models.CheckConstraint(
                name="order_limit_has_a_price", condition=Q(order_type="market") | Q(limit_price__gt=0)
            ),
            models.CheckConstraint(
                name="order_only_reductions_outside_entry",
                condition=Q(purpose__in=["entry", "rehedge"]) | Q(reduce_only=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id} {self.side} {self.quantity} {self.symbol} on {self.venue}: {self.status}"


class OrderEvent(models.Model):
    """What happened to an order, in order; never changed."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True)
    details: Any = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"
