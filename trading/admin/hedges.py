"""Hedges with their legs, orders and fills; the ledger."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display as unfold_display

from trading.admin.base import ReadOnlyAdmin, ReadOnlyInline, admin_link, admin_links
from trading.choices import HEDGE_COLOURS, HedgeStatus
from trading.models import Fill, FundingPayment, Hedge, HedgeAttempt, Leg, Order, OrderEvent

COLOURS = {status.value: colour for status, colour in HEDGE_COLOURS.items()}


class LegInline(ReadOnlyInline):
    model = Leg
    fields = (
        "position_side",
        "venue",
        "quantity",
        "entered_quantity",
        "exited_quantity",
        "entry_price",
        "exit_price",
        "fees_usdt",
    )


class OrderInline(ReadOnlyInline):
    model = Order
    fields = ("client_order_id", "venue", "purpose", "side", "quantity", "filled_quantity", "average_price", "status")


class FillInline(ReadOnlyInline):
    model = Fill
    fields = ("order", "venue", "side", "quantity", "price", "fee_usdt", "filled_at")


class AttemptInline(ReadOnlyInline):
    model = HedgeAttempt
    fields = ("kind", "initiator", "status", "result", "reason", "created_at")


@admin.register(Hedge)
class HedgeAdmin(ReadOnlyAdmin):
    list_display = (
        "short_id", "symbol", "shown_status", "simulated", "long_venue", "short_venue", "quantity", "notional_usdt",
        "entry_spread_bps", "realized_pnl_usdt", "initiator", "created_at",
    )  # fmt: skip
    list_filter = ("status", "simulated", "symbol", "strategy", "long_venue", "short_venue")
    search_fields = ("id", "symbol", "initiator", "close_reason", "failure_reason")
    date_hierarchy = "created_at"
    inlines: ClassVar = [LegInline, OrderInline, FillInline, AttemptInline]

    @admin.display(description="hedge")
    def short_id(self, hedge: Hedge) -> str:
        return str(hedge.pk)[:8]

    @unfold_display(description="status", label=COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, hedge: Hedge) -> tuple[str, str]:
        simulated = hedge.simulated and hedge.status == HedgeStatus.OPEN
        return hedge.status, "simulated" if simulated else hedge.get_status_display()


class OrderEventInline(ReadOnlyInline):
    model = OrderEvent
    fields = ("at", "from_status", "to_status", "reason")
    show_change_link = False


class OrderFillInline(ReadOnlyInline):
    model = Fill
    fields = ("trade_id", "quantity", "price", "fee_usdt", "is_maker", "filled_at")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = (
        "client_order_id", "hedge_link", "venue", "symbol", "purpose", "side", "quantity", "filled_quantity",
        "average_price", "status", "simulated", "created_at",
    )  # fmt: skip
    list_filter = ("status", "purpose", "venue", "symbol", "simulated", "reduce_only")
    search_fields = ("client_order_id", "venue_order_id", "hedge__id", "outcome_code")
    list_select_related = ("hedge",)
    readonly_fields = ("hedge_link",)
    inlines: ClassVar = [OrderFillInline, OrderEventInline]

    @admin.display(description="hedge")
    def hedge_link(self, order: Order) -> SafeString | str:
        return admin_link(order.hedge, str(order.hedge_id)[:8])


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    list_display = (
        "trade_id", "order_link", "hedge_link", "venue", "symbol", "side", "quantity", "price", "fee_usdt",
        "simulated", "filled_at",
    )  # fmt: skip
    list_filter = ("venue", "symbol", "side", "simulated", "is_maker")
    search_fields = ("trade_id", "order__client_order_id", "hedge__id")
    list_select_related = ("order", "hedge")
    date_hierarchy = "filled_at"

    @admin.display(description="order")
    def order_link(self, fill: Fill) -> SafeString | str:
        return admin_link(fill.order, fill.order.client_order_id)

    @admin.display(description="hedge")
    def hedge_link(self, fill: Fill) -> SafeString | str:
        return admin_link(fill.hedge, str(fill.hedge_id)[:8])


@admin.register(FundingPayment)
class FundingPaymentAdmin(ReadOnlyAdmin):
    list_display = ("reference", "venue", "symbol", "amount_usdt", "hedge", "simulated", "settled_at")
    list_filter = ("venue", "symbol", "simulated")
    search_fields = ("reference", "hedge__id")
    list_select_related = ("hedge",)


@admin.register(HedgeAttempt)
class HedgeAttemptAdmin(ReadOnlyAdmin):
    """The hedge log."""

    list_display = (
        "created_at", "initiator", "kind", "symbol", "spread_bps", "notional_usdt", "status", "result", "reason",
        "simulated", "hedge_and_orders",
    )  # fmt: skip
    list_filter = ("kind", "status", "result", "simulated", "symbol")
    search_fields = ("initiator", "symbol", "reason", "hedge__id")
    list_select_related = ("hedge",)
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[HedgeAttempt]:
        found: QuerySet[HedgeAttempt] = super().get_queryset(request)
        return found.prefetch_related("hedge__orders")

    @admin.display(description="hedge, orders")
    def hedge_and_orders(self, attempt: HedgeAttempt) -> SafeString | str:
        if attempt.hedge is None:
            return "-"
        return admin_links([attempt.hedge, *attempt.hedge.orders.all()])
