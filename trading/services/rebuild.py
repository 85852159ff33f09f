"""The ledger rebuilt from its fills: legs, hedges and daily sums derive from them, or differ and are named."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from audit.services import audited, record
from trading.choices import HEDGE_ENDED
from trading.ledger_math import Running, realized, stored
from trading.models import DailyPnl, Fill, Hedge, Leg, Order
from trading.services.ledger import funding_of, hedge_refresh, leg_figures_of
from trading.services.outcomes import leg_refresh

ZERO = Decimal(0)
CHUNK = 500


def differences() -> Iterator[str]:
    """Sentences about every figure that does not follow from the fills; hedges whose fills are still to be booked are
    named as such and not judged."""
    for hedge in Hedge.objects.order_by("created_at").iterator(CHUNK):
        yield from hedge_differences(hedge)
    yield from daily_differences()


def hedge_differences(hedge: Hedge) -> Iterator[str]:
    waiting = Order.objects.filter(hedge=hedge, filled_quantity__gt=0, fills_booked=False)
    if waiting.exists():
        yield f"hedge {hedge.pk}: fills of {waiting.count()} orders are not booked yet"
        return
    yield from _order_differences(hedge)
    figures = leg_figures_of(hedge.pk)
    for leg in Leg.objects.filter(hedge=hedge):
        derived = figures[leg.pk]
        yield from _unequal(f"leg {leg.pk} entered", leg.entered_quantity, derived.entered)
        yield from _unequal(f"leg {leg.pk} exited", leg.exited_quantity, derived.exited)
        yield from _unequal(f"leg {leg.pk} fees", leg.fees_usdt, stored(derived.fees_usdt))
    if hedge.realized_pnl_usdt is not None or any(leg.entered for leg in figures.values()):
        derived_pnl = stored(realized(figures.values(), funding_of(hedge.pk)))
        yield from _unequal(f"hedge {hedge.pk} realized", hedge.realized_pnl_usdt, derived_pnl)
    if hedge.status in HEDGE_ENDED and any(leg.held for leg in figures.values()):
        yield f"hedge {hedge.pk} is {hedge.status} and its fills leave something held"


def _order_differences(hedge: Hedge) -> Iterator[str]:
    for order in Order.objects.filter(hedge=hedge):
        booked = Fill.objects.filter(order=order).aggregate(total=Sum("quantity"))["total"] or ZERO
        yield from _unequal(f"order {order.client_order_id} filled", order.filled_quantity, booked)


def _unequal(what: str, stored_value: Decimal | None, derived: Decimal) -> Iterator[str]:
    if stored_value != derived:
        yield f"{what}: the row says {stored_value}, the fills say {derived}"


def daily_differences() -> Iterator[str]:
    """The days of a strategy add up to its hedges, and the running columns follow from the days."""
    groups: dict[tuple[str, bool], list[DailyPnl]] = {}
    for row in DailyPnl.objects.order_by("day"):
        groups.setdefault((row.strategy, row.simulated), []).append(row)
    for (strategy, simulated), rows in groups.items():
        total = Hedge.objects.filter(strategy=strategy, simulated=simulated).aggregate(t=Sum("realized_pnl_usdt"))["t"]
        yield from _unequal(f"{strategy} days", sum((row.realized_usdt for row in rows), ZERO), total or ZERO)
        running = Running()
        for row in rows:
            # Within a day the peak may lie between bookings: the row's own is at least what the day's end gives.
            running = Running(running.total + row.realized_usdt, row.running_peak_usdt, row.max_drawdown_usdt)
            yield from _unequal(f"{strategy} {row.day} running total", row.running_total_usdt, running.total)


def rebuild() -> int:
    """Derive legs, hedges and days anew; how many hedges were gone through. Audited."""
    count = 0
    for hedge_id in list(Hedge.objects.values_list("pk", flat=True)):
        _rebuild_hedge(hedge_id)
        count += 1
    with audited():
        record(action="ledger_rebuilt", target="ledger", details={"hedges": count})
    return count


def _rebuild_hedge(hedge_id: UUID) -> None:
    with transaction.atomic(durable=True):
        for leg in Leg.objects.filter(hedge_id=hedge_id):
            leg_refresh(leg_id=leg.pk)
        hedge_refresh(hedge_id=hedge_id)


def summary() -> dict[str, Any]:
    return {"hedges": Hedge.objects.count(), "orders": Order.objects.count(), "fills": Fill.objects.count()}
