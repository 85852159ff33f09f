"""``manage.py explain_order ID``: judge an order's entry again, by the version of the limits that it was judged by."""

from argparse import ArgumentParser
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from risk.intents import ExposureSnapshot, OrderIntent, StrategyExposure
from risk.services.explain import Explanation, explain
from trading.models import Hedge, Order

ZERO = Decimal(0)


def intent_of(hedge: Hedge) -> OrderIntent:
    return OrderIntent(
        strategy=hedge.strategy,
        symbol=hedge.symbol,
        long_venue=hedge.long_venue,
        short_venue=hedge.short_venue,
        quantity=hedge.planned_quantity,
        notional_usdt=hedge.notional_usdt,
        leverage=hedge.leverage,
        simulated=hedge.simulated,
        initiator=hedge.initiator,
    )


def _orders_at(moment: datetime, but: Hedge) -> dict[str, int]:
    rows = Order.objects.filter(Q(ended_at=None) | Q(ended_at__gt=moment), created_at__lt=moment, simulated=False)
    counts: dict[str, int] = {}
    for venue in rows.exclude(hedge=but).values_list("venue", flat=True):
        counts[venue] = counts.get(venue, 0) + 1
    return counts


def exposure_at(moment: datetime, but: Hedge) -> ExposureSnapshot:
    """The real exposure at that moment, from the hedges that were open then."""
    rows = Hedge.objects.filter(Q(closed_at=None) | Q(closed_at__gt=moment), opened_at__lt=moment, simulated=False)
    hedges = list(rows.exclude(pk=but.pk))
    per_venue: dict[str, Decimal] = {}
    per_symbol: dict[str, Decimal] = {}
    per_strategy: dict[str, StrategyExposure] = {}
    for hedge in hedges:
        for venue in (hedge.long_venue, hedge.short_venue):
            per_venue[venue] = per_venue.get(venue, ZERO) + hedge.notional_usdt
        per_symbol[hedge.symbol] = per_symbol.get(hedge.symbol, ZERO) + hedge.notional_usdt
        held = per_strategy.get(hedge.strategy, StrategyExposure())
        per_strategy[hedge.strategy] = StrategyExposure(
            held.open_notional_usdt + hedge.notional_usdt, held.open_hedges + 1
        )
    return ExposureSnapshot(
        taken_at=moment,
        total_notional_usdt=sum(per_symbol.values(), ZERO),
        open_hedges=len(hedges),
        per_venue=per_venue,
        per_symbol=per_symbol,
        per_strategy=per_strategy,
        open_orders=_orders_at(moment, but),
    )


def lines(order: Order, found: Explanation, exposure: ExposureSnapshot) -> list[str]:
    decision = found.decision
    verdict = "allowed" if decision.allowed else f"{decision.reason} {decision.cap}: {decision.detail}"
    return [
        str(order),
        f"judged by limits version {order.limits_version or 'unknown, so today'} "
        f"(evaluated with version {found.limits.version}, every flag on)",
        f"open then: {exposure.open_hedges} hedges, {exposure.total_notional_usdt} USDT; "
        f"reserved by others: {found.reserved.notional_usdt} USDT",
        f"request: {found.request or 'within its limits'}",
        *(f"{name}: {text}" for name, text in found.caps),
        f"gate: {verdict}",
        "The strategy's switches are those of then, its budgets today's.",
    ]


class Command(BaseCommand):
    help = "Evaluate an order's entry again by the limits version that it was judged by, over what was open then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("order", help="the client order id")

    def handle(self, *args: Any, **options: Any) -> None:
        order = Order.objects.select_related("hedge").filter(client_order_id=options["order"]).first()
        if order is None:
            raise CommandError(f"no order has the client order id {options['order']!r}")
        exposure = exposure_at(order.hedge.created_at, order.hedge)
        found = explain(
            intent=intent_of(order.hedge),
            exposure=exposure,
            moment=order.hedge.created_at,
            hedge_id=order.hedge.pk,
            version=order.limits_version,
        )
        for line in lines(order, found, exposure):
            self.stdout.write(line)
