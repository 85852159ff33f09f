"""A hedge in the words of the API (API.md: execute), from rows."""

from decimal import Decimal
from typing import Any

from trading.choices import HedgeStatus, OrderPurpose
from trading.models import Hedge, Leg, Order

ENTRY = (OrderPurpose.ENTRY, OrderPurpose.REHEDGE)


def shown_status(hedge: Hedge) -> str:
    """An open simulated hedge is shown as ``simulated``."""
    return "simulated" if hedge.simulated and hedge.status == HedgeStatus.OPEN else str(hedge.status)


def _leg(hedge: Hedge, leg: Leg, order: Order | None) -> dict[str, Any]:
    return {
        "venue": leg.venue,
        "symbol": leg.symbol,
        "side": str(leg.position_side),
        "status": str(order.status) if order else "not_planned",
        "base_size": leg.quantity,
        "avg_price": leg.entry_price,
        "leverage": hedge.leverage,
    }


def _order(order: Order | None) -> dict[str, Any] | None:
    if order is None:
        return None
    return {
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "venue": order.venue,
        "side": str(order.side),
        "quantity": order.quantity,
        "limit_price": order.limit_price,
        "status": str(order.status),
        "filled_quantity": order.filled_quantity,
        "average_price": order.average_price,
        "outcome_code": order.outcome_code,
    }


def hedge_answer(hedge: Hedge) -> dict[str, Any]:
    """The body of execute's answer, from the rows as they are now. Decimals stay Decimals."""
    legs = sorted(Leg.objects.filter(hedge=hedge), key=lambda leg: leg.position_side)
    entries: dict[int, Order] = {}
    for order in Order.objects.filter(hedge=hedge, purpose__in=ENTRY).order_by("id"):
        entries[order.leg_id] = order
    orders = {leg.position_side: entries.get(leg.pk) for leg in legs}
    open_ = hedge.status == HedgeStatus.OPEN
    return {
        "success": open_,
        "status": shown_status(hedge),
        "reason": hedge.failure_reason,
        "simulated": hedge.simulated,
        "dry_run_mode": hedge.simulated,
        "hedge_id": str(hedge.pk),
        "legs": [_leg(hedge, leg, entries.get(leg.pk)) for leg in legs],
        "long_order": _order(orders.get("long")),
        "short_order": _order(orders.get("short")),
        "position": _position(hedge) if open_ or hedge.status == HedgeStatus.PARTIAL else None,
    }


def _position(hedge: Hedge) -> dict[str, Any]:
    return {
        "id": str(hedge.pk),
        "symbol": hedge.symbol,
        "status": shown_status(hedge),
        "long_venue": hedge.long_venue,
        "short_venue": hedge.short_venue,
        "base_size": hedge.quantity,
        "notional_usdt": hedge.notional_usdt or Decimal(0),
        "entry_long_price": hedge.entry_long_price,
        "entry_short_price": hedge.entry_short_price,
        "entry_spread_bps": hedge.entry_spread_bps,
    }
