"""Orders, fills, PnL snapshots, venue health: read for people."""

from datetime import datetime
from typing import Any

from trading.choices import ORDER_LIVE
from trading.models import Fill, Order, PnlSnapshot, VenueHealth
from trading.venues.registry import venue_ids


def order_payload(order: Order) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id or None,
        "hedge_id": order.hedge_id,
        "venue": order.venue,
        "symbol": order.symbol,
        "purpose": order.purpose,
        "side": order.side,
        "type": order.order_type,
        "time_in_force": order.time_in_force or None,
        "reduce_only": order.reduce_only,
        "quantity": order.quantity,
        "limit_price": order.limit_price,
        "filled_quantity": order.filled_quantity,
        "average_price": order.average_price,
        "status": order.status,
        "simulated": order.simulated,
        "created_at": order.created_at,
        "sending_at": order.sending_at,
    }


def fill_payload(fill: Fill) -> dict[str, Any]:
    return {
        "trade_id": fill.trade_id,
        "client_order_id": fill.order.client_order_id,
        "hedge_id": fill.hedge_id,
        "venue": fill.venue,
        "symbol": fill.symbol,
        "side": fill.side,
        "quantity": fill.quantity,
        "price": fill.price,
        "fee_usdt": fill.fee_usdt,
        "is_maker": fill.is_maker,
        "simulated": fill.simulated,
        "ts": fill.filled_at,
    }


def orders_payload(limit: int) -> dict[str, Any]:
    live = Order.objects.filter(status__in=ORDER_LIVE).order_by("-id")[:limit]
    fills = Fill.objects.select_related("order").order_by("-id")[:limit]
    return {"open_orders": [order_payload(one) for one in live], "fills": [fill_payload(one) for one in fills]}


def snapshot_payload(row: PnlSnapshot) -> dict[str, Any]:
    return {
        "ts": row.at,
        "simulated": row.simulated,
        "open_notional_usdt": row.open_notional_usdt,
        "open_positions": row.open_hedges,
        "partial_positions": row.partial_hedges,
        "realized_pnl_today_usdt": row.realized_today_usdt,
        "realized_pnl_total_usdt": row.realized_total_usdt,
        "unrealized_pnl_usdt": row.unrealized_usdt,
        "per_venue": row.per_venue,
    }


def pnl_snapshots(limit: int, *, simulated: bool) -> list[PnlSnapshot]:
    return list(PnlSnapshot.objects.filter(simulated=simulated).order_by("-at")[:limit])


def pnl_history_payload(limit: int) -> dict[str, Any]:
    """Newest first; simulated ones stand apart (law 10)."""
    real, simulated = pnl_snapshots(limit, simulated=False), pnl_snapshots(limit, simulated=True)
    return {
        "snapshots": [snapshot_payload(row) for row in real],
        "simulated": [snapshot_payload(row) for row in simulated],
        "count": len(real),
    }


def pnl_trend(limit: int = 60) -> list[dict[str, Any]]:
    """Oldest first, for the chart: time, realized of the day, unrealized (null: a mark was missing)."""
    rows = reversed(pnl_snapshots(limit, simulated=False))
    return [{"ts": row.at, "realized": row.realized_today_usdt, "unrealized": row.unrealized_usdt} for row in rows]


def _epoch_seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def health_payload(row: VenueHealth | None) -> dict[str, Any]:
    """A venue that no call has told about yet is unknown: null, not unreachable."""
    return {
        "reachable": row.reachable if row else None,
        "rate_limited": row.rate_limited if row else None,
        "last_ok_ts": _epoch_seconds(row.last_ok_at) if row else None,
        "error": (row.last_error or None) if row else None,
        "rtt_ms_p50": row.rtt_ms_p50 if row else None,
        "rtt_ms_p95": row.rtt_ms_p95 if row else None,
        "clock_skew_ms": row.clock_skew_ms if row else None,
        "maintenance": row.maintenance if row else None,
    }


def exchange_health() -> dict[str, dict[str, Any]]:
    rows = {row.venue: row for row in VenueHealth.objects.all()}
    return {venue: health_payload(rows.get(venue)) for venue in venue_ids()}
