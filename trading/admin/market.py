"""What may be traded, what was seen, and how the venues are."""

from django.contrib import admin

from trading.admin.base import ReadOnlyAdmin
from trading.models import (
    BasisSample,
    Instrument,
    Opportunity,
    StandingBasis,
    TaskState,
    UniverseEntry,
    VenueHealth,
)


@admin.register(Instrument)
class InstrumentAdmin(ReadOnlyAdmin):
    list_display = (
        "symbol", "venue", "venue_symbol", "active", "tick_size", "lot_size", "contract_size", "min_notional_usdt",
        "taker_fee_bps", "funding_rate", "next_funding_at", "refreshed_at",
    )  # fmt: skip
    list_filter = ("venue", "active")
    search_fields = ("symbol", "venue_symbol")


@admin.register(UniverseEntry)
class UniverseEntryAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "allowed", "score", "scored_at", "changed_by", "changed_at")
    list_filter = ("allowed",)
    search_fields = ("symbol", "changed_by")


@admin.register(Opportunity)
class OpportunityAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at", "symbol", "long_venue", "short_venue", "spread_bps", "net_edge_bps", "status", "blocked_reason",
        "expires_at",
    )  # fmt: skip
    list_filter = ("status", "blocked_reason", "symbol")
    search_fields = ("id", "symbol", "blocked_reason")
    date_hierarchy = "created_at"


@admin.register(StandingBasis)
class StandingBasisAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "venue_a", "venue_b", "median_bps", "samples", "first_at", "last_at")
    list_filter = ("symbol",)
    search_fields = ("symbol",)


@admin.register(BasisSample)
class BasisSampleAdmin(ReadOnlyAdmin):
    list_display = ("at", "symbol", "venue_a", "venue_b", "basis_bps")
    list_filter = ("symbol",)
    search_fields = ("symbol",)
    ordering = ("-at",)


@admin.register(VenueHealth)
class VenueHealthAdmin(ReadOnlyAdmin):
    list_display = (
        "venue", "reachable", "rate_limited", "maintenance", "read_only", "preflight_ok", "last_ok_at", "last_error",
        "rtt_ms_p50", "rtt_ms_p95", "clock_skew_ms", "updated_at",
    )  # fmt: skip
    search_fields = ("venue", "last_error")


@admin.register(TaskState)
class TaskStateAdmin(ReadOnlyAdmin):
    list_display = ("name", "ran_at", "details")
    search_fields = ("name",)
