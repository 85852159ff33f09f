"""Venue ledgers, account snapshots, PnL and reconciliation."""

from typing import ClassVar

from django.contrib import admin

from trading.admin.base import ReadOnlyAdmin, ReadOnlyInline
from trading.models import (
    AccountSnapshot,
    DailyPnl,
    PnlSnapshot,
    ReconciliationDifference,
    ReconciliationRound,
    VenueLedgerEntry,
)


@admin.register(VenueLedgerEntry)
class VenueLedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "venue", "kind", "symbol", "amount", "currency", "reference")
    list_filter = ("venue", "kind", "currency")
    search_fields = ("reference", "symbol")
    date_hierarchy = "at"


@admin.register(AccountSnapshot)
class AccountSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("at", "venue", "wallet_usdt", "equity_usdt", "available_usdt", "maintenance_margin_usdt")
    list_filter = ("venue",)
    search_fields = ("venue",)


@admin.register(PnlSnapshot)
class PnlSnapshotAdmin(ReadOnlyAdmin):
    list_display = (
        "at", "simulated", "open_notional_usdt", "open_hedges", "partial_hedges", "realized_today_usdt",
        "realized_total_usdt", "unrealized_usdt",
    )  # fmt: skip
    list_filter = ("simulated",)
    search_fields = ("at",)


@admin.register(DailyPnl)
class DailyPnlAdmin(ReadOnlyAdmin):
    list_display = ("day", "strategy", "simulated", "realized_usdt", "running_total_usdt", "max_drawdown_usdt")
    list_filter = ("strategy", "simulated")
    search_fields = ("strategy",)


class DifferenceInline(ReadOnlyInline):
    model = ReconciliationDifference
    fields = ("kind", "venue", "symbol", "ours", "theirs", "notional_usdt", "first_seen_at", "resolved_at")


@admin.register(ReconciliationRound)
class ReconciliationRoundAdmin(ReadOnlyAdmin):
    list_display = ("id", "started_at", "finished_at", "trader_epoch", "clean", "venues_read")
    list_filter = ("clean",)
    search_fields = ("id",)
    inlines: ClassVar = [DifferenceInline]


@admin.register(ReconciliationDifference)
class ReconciliationDifferenceAdmin(ReadOnlyAdmin):
    list_display = ("first_seen_at", "kind", "venue", "symbol", "notional_usdt", "resolved_at", "round")
    list_filter = ("kind", "venue", "symbol")
    search_fields = ("symbol", "kind")
    list_select_related = ("round",)
