"""Rows of hedges, as the engine would have left them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trading.choices import HedgeStatus
from trading.models import Hedge, Leg

D = Decimal


def make_hedge(**changes: Any) -> Hedge:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "strategy": "cross_exchange_arb",
        "long_venue": "binance-um",
        "short_venue": "okx-perp",
        "status": HedgeStatus.OPEN,
        "simulated": False,
        "planned_quantity": D("0.01"),
        "quantity": D("0.01"),
        "notional_usdt": D(900),
        "entry_long_price": D(90_000),
        "entry_short_price": D(90_100),
        "entry_spread_bps": D("11.1"),
        "expected_net_edge_bps": D("2.5"),
        "initiator": "alice",
        "decision": {"quotes": {"binance-um": {"ask": "90000"}}, "leg_execution": "sequential"},
        "trader_epoch": 1,
        "hold_id": 1,
        "created_at": now,
        "opened_at": now,
        **changes,
    }
    hedge = Hedge.objects.create(**fields)
    for side, venue, price in (("long", hedge.long_venue, D(90_000)), ("short", hedge.short_venue, D(90_100))):
        Leg.objects.create(
            hedge=hedge,
            position_side=side,
            venue=venue,
            symbol=hedge.symbol,
            quantity=D("0.01"),
            entered_quantity=D("0.01"),
            entry_price=price,
        )
    return hedge


def make_hedges(count: int) -> list[Hedge]:
    return [make_hedge() for _ in range(count)]
