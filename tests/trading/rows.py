"""Hedges as rows, for the tests that only read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading.models import Fill, Hedge, Leg, Order

D = Decimal
PRICES = {"long": "88000", "short": "88440"}
VENUES = {"long": "binance-um", "short": "okx-perp"}


def hedge_row(status: str = "open", *, simulated: bool = False, symbol: str = "BTCUSDT", size: str = "0.01") -> Hedge:
    """A hedge with both legs, held unless it is closed; entered at a spread of 50 bps."""
    now = datetime.now(UTC)
    hedge = Hedge.objects.create(
        symbol=symbol, strategy="cross_exchange_arb", long_venue=VENUES["long"], short_venue=VENUES["short"],
        status=status, simulated=simulated, planned_quantity=D(size), quantity=D(size), notional_usdt=D(880),
        entry_long_price=D(PRICES["long"]), entry_short_price=D(PRICES["short"]), entry_spread_bps=D(50),
        initiator="alice", trader_epoch=1, hold_id=1, created_at=now, opened_at=now,
        closed_at=now if status == "closed" else None, realized_pnl_usdt=D("1.5") if status == "closed" else None,
    )  # fmt: skip
    for side in ("long", "short"):
        exited = D(size) if status == "closed" else D(0)
        Leg.objects.create(
            hedge=hedge, position_side=side, venue=VENUES[side], symbol=symbol, quantity=D(size) - exited,
            entered_quantity=D(size), exited_quantity=exited, entry_price=D(PRICES[side]), fees_usdt=D("0.44"),
        )  # fmt: skip
    return hedge


def closed_hedge() -> Hedge:
    """With two orders and two fills per leg."""
    hedge = hedge_row("closed")
    now = datetime.now(UTC)
    for number, leg in enumerate([leg for leg in hedge.legs.all() for _ in range(2)]):
        entry = number % 2 == 0
        side = "buy" if (leg.position_side == "long") == entry else "sell"
        order = Order.objects.create(
            client_order_id=f"PBtst{number:027d}", hedge=hedge, leg=leg, venue=leg.venue, symbol=leg.symbol,
            purpose="entry" if entry else "exit", side=side, order_type="limit", time_in_force="ioc",
            reduce_only=not entry, simulated=False, quantity=D("0.01"), limit_price=leg.entry_price, status="filled",
            filled_quantity=D("0.01"), average_price=leg.entry_price, trader_epoch=1,
            created_at=now - timedelta(seconds=number),
        )  # fmt: skip
        Fill.objects.create(
            order=order, hedge=hedge, venue=leg.venue, symbol=leg.symbol, trade_id=f"t{number}", side=side,
            quantity=D("0.01"), price=leg.entry_price, fee_usdt=D("0.22"), simulated=False, filled_at=now,
            booked_at=now,
        )  # fmt: skip
    return hedge
