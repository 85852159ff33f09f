"""What may be traded, what was seen, and what was found worth trading."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from propbot.number_field import NumberField
from trading import choices


class Instrument(models.Model):
    """A perpetual on a venue, refreshed from the venue. Sizes in base units, prices in USDT.

    ``contract_size`` is base units per venue contract (1 on Binance); the adapter converts and nobody else.
    """

    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32)
    venue_symbol = models.CharField(max_length=64)
    active = models.BooleanField()
    tick_size = NumberField()
    lot_size = NumberField(help_text="Base units.")
    min_quantity = NumberField(help_text="Base units.")
    max_quantity = NumberField(null=True, help_text="Base units, of one market order.")
    min_notional_usdt = NumberField(null=True)
    contract_size = NumberField()
    max_leverage = NumberField(null=True)
    taker_fee_bps = NumberField(null=True)
    maker_fee_bps = NumberField(null=True)
    funding_rate = NumberField(null=True, help_text="Fraction per interval, positive when longs pay.")
    funding_interval_hours = NumberField(null=True)
    next_funding_at = models.DateTimeField(null=True)
    volume_24h_usdt = NumberField(null=True)
    refreshed_at = models.DateTimeField()
    funding_refreshed_at = models.DateTimeField(null=True)
    fees_refreshed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["symbol", "venue"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="instrument_once", fields=["venue", "symbol"]),
            models.CheckConstraint(
                name="instrument_grid_positive",
                condition=Q(tick_size__gt=0) & Q(lot_size__gt=0) & Q(contract_size__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} on {self.venue}"


class UniverseEntry(models.Model):
    """A symbol that could be traded, its score, and whether two people have allowed it."""

    symbol = models.CharField(max_length=32, unique=True)
    allowed = models.BooleanField(default=False)
    score = NumberField(null=True)
    score_parts: Any = models.JSONField(default=dict)
    scored_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering: ClassVar = ["symbol"]
        verbose_name_plural = "universe entries"

    def __str__(self) -> str:
        return self.symbol


class BasisSample(models.Model):
    """The signed basis of a pair of venues, one per symbol, pair and sampling slot: bps of b's mid over a's mid."""

    symbol = models.CharField(max_length=32)
    venue_a = models.CharField(max_length=32)
    venue_b = models.CharField(max_length=32)
    basis_bps = NumberField()
    at = models.DateTimeField()

    class Meta:
        # The latest of a pair is read from the constraint's index, backwards; retention goes by time alone.
        indexes: ClassVar = [models.Index(name="basis_by_time", fields=["at"])]
        constraints: ClassVar = [
            models.UniqueConstraint(name="basis_once", fields=["symbol", "venue_a", "venue_b", "at"])
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.venue_b}-{self.venue_a} {self.basis_bps} bps"


class StandingBasis(models.Model):
    """The median of a pair's samples over the window, refreshed by the sampler; ``trading.basis`` judges it."""

    symbol = models.CharField(max_length=32)
    venue_a = models.CharField(max_length=32)
    venue_b = models.CharField(max_length=32)
    median_bps = NumberField()
    samples = models.PositiveIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["symbol", "venue_a", "venue_b"]
        verbose_name_plural = "standing bases"
        constraints: ClassVar = [
            models.UniqueConstraint(name="standing_basis_once", fields=["symbol", "venue_a", "venue_b"])
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.venue_b}-{self.venue_a} {self.median_bps} bps"


class Opportunity(models.Model):
    """The best candidate of a scan. ``costs`` holds the parts of the net edge, in bps."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    symbol = models.CharField(max_length=32)
    strategy = models.CharField(max_length=64)
    long_venue = models.CharField(max_length=32)
    short_venue = models.CharField(max_length=32)
    spread = NumberField(help_text="Short venue's bid minus long venue's ask, in USDT.")
    spread_bps = NumberField(help_text="Of the long ask.")
    net_edge_bps = NumberField(null=True, help_text="Null while a part of it is not known.")
    costs: Any = models.JSONField(default=dict)
    quotes: Any = models.JSONField(default=dict)
    notional_suggestion = NumberField()
    leverage_suggestion = NumberField()
    status = models.CharField(max_length=16, choices=choices.OpportunityStatus.choices)
    blocked_reason = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name_plural = "opportunities"
        indexes: ClassVar = [models.Index(name="opportunity_latest", fields=["-created_at"])]

    def __str__(self) -> str:
        return f"{self.symbol} {'unknown' if self.net_edge_bps is None else self.net_edge_bps} bps"
