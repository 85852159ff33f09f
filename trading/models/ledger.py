"""The ledger: fills, fees, funding, and what the venues' own ledgers say."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from propbot.number_field import NumberField
from trading import choices
from trading.models.hedges import Hedge
from trading.models.orders import Order


class Fill(models.Model):
    """One trade of one order. ``fee_usdt`` is positive when paid."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    hedge = models.ForeignKey(Hedge, on_delete=models.PROTECT, related_name="fills")
    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32)
    trade_id = models.CharField(max_length=64)
    side = models.CharField(max_length=8, choices=choices.OrderSide.choices)
    quantity = NumberField(help_text="Base units.")
    price = NumberField()
    fee_usdt = NumberField()
    is_maker = models.BooleanField(default=False)
    simulated = models.BooleanField()
    filled_at = models.DateTimeField()
    booked_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(name="fill_filled_at", fields=["-filled_at"])]
        constraints: ClassVar = [
            # Duplicate fill events and re-reads book once (RELIABILITY B14).
            models.UniqueConstraint(name="fill_once", fields=["venue", "symbol", "trade_id", "simulated"]),
            models.CheckConstraint(name="fill_positive", condition=Q(quantity__gt=0) & Q(price__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} @ {self.price} on {self.venue}"


class FundingPayment(models.Model):
    """Funding settled on a venue; ``amount_usdt`` is positive when received."""

    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32)
    hedge = models.ForeignKey(Hedge, on_delete=models.PROTECT, null=True, related_name="funding_payments")
    amount_usdt = NumberField()
    reference = models.CharField(max_length=96)
    simulated = models.BooleanField(default=False)
    settled_at = models.DateTimeField()
    booked_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # One settlement may be shared among the hedges that held the position.
            models.UniqueConstraint(name="funding_once", fields=["venue", "reference", "hedge"], nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.amount_usdt} USDT {self.symbol} on {self.venue}"


class VenueLedgerEntry(models.Model):
    """One row of a venue's own ledger (Binance income, OKX bills), as the venue tells it."""

    venue = models.CharField(max_length=32)
    reference = models.CharField(max_length=96)
    kind = models.CharField(max_length=32, help_text="funding, fee, realized_pnl, transfer, other")
    symbol = models.CharField(max_length=32, blank=True)
    amount = NumberField(help_text="Positive when the wallet grew.")
    currency = models.CharField(max_length=16)
    at = models.DateTimeField()
    booked_at = models.DateTimeField()
    raw: Any = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [models.UniqueConstraint(name="venue_ledger_once", fields=["venue", "reference"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency} on {self.venue}"


class AccountSnapshot(models.Model):
    """Wallet, equity and margin of a venue account, as read."""

    venue = models.CharField(max_length=32)
    at = models.DateTimeField()
    wallet_usdt = NumberField()
    equity_usdt = NumberField()
    available_usdt = NumberField()
    maintenance_margin_usdt = NumberField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(name="account_latest", fields=["venue", "-at"])]

    def __str__(self) -> str:
        return f"{self.venue} {self.equity_usdt} USDT"


class PnlSnapshot(models.Model):
    """Exposure and PnL at a moment; simulated ones stand apart (law 10)."""

    at = models.DateTimeField()
    simulated = models.BooleanField()
    open_notional_usdt = NumberField()
    open_hedges = models.PositiveIntegerField()
    partial_hedges = models.PositiveIntegerField()
    realized_today_usdt = NumberField()
    realized_total_usdt = NumberField()
    unrealized_usdt = NumberField(null=True, help_text="Null when a mark was missing.")
    per_venue: Any = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(name="pnl_latest", fields=["simulated", "-at"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.realized_today_usdt}"


class DailyPnl(models.Model):
    """What a strategy realized on one UTC day, and its running total: sums over any history stay a few rows.

    The running columns say where the total stood after the day's latest booking, its highest so far, and the deepest
    fall from it.
    """

    day = models.DateField()
    strategy = models.CharField(max_length=64)
    simulated = models.BooleanField()
    realized_usdt = NumberField()
    running_total_usdt = NumberField()
    running_peak_usdt = NumberField()
    max_drawdown_usdt = NumberField()

    class Meta:
        ordering: ClassVar = ["-day"]
        verbose_name_plural = "daily PnL"
        constraints: ClassVar = [
            models.UniqueConstraint(name="daily_pnl_once", fields=["strategy", "simulated", "day"])
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.strategy} {self.realized_usdt}"
