"""Skips, reservations, samples and entry blocks."""

from django.contrib import admin

from risk.admin.base import ReadOnlyAdmin
from risk.models import EntryBlock, GovernorSample, Reservation, RiskSkip


@admin.register(RiskSkip)
class RiskSkipAdmin(ReadOnlyAdmin):
    list_display = ("at", "strategy", "symbol", "reason", "cap", "detail", "notional_usdt", "initiator", "enforced")
    list_filter = ("reason", "strategy", "enforced", "simulated")
    search_fields = ("symbol", "cap", "detail", "initiator")
    date_hierarchy = "at"


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ("hedge_id", "strategy", "symbol", "notional_usdt", "simulated", "status", "created_at", "ended_at")
    list_filter = ("status", "simulated", "strategy", "symbol")
    search_fields = ("hedge_id", "symbol")


@admin.register(GovernorSample)
class GovernorSampleAdmin(ReadOnlyAdmin):
    list_display = ("at", "total_notional_usdt", "realized_today_usdt", "unrealized_usdt", "clock_skew_ms", "breaches")
    date_hierarchy = "at"


@admin.register(EntryBlock)
class EntryBlockAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "venue", "source", "reason", "since", "clean_rounds", "lifted_at")
    list_filter = ("source", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("symbol", "venue", "reason")
