"""One hedge, the whole way: two equal legs, a ledger that agrees with the venues' wallets, and nothing left."""

from decimal import Decimal

import pytest

from tests.engine.desk import LONG, Desk, legs
from trading.models import Fill, Hedge, Order
from trading.services.closing import hedge_close
from trading.services.execution import hedge_open

CENT = Decimal("0.01")


@pytest.mark.parametrize("first", ["long", "short"])
def test_a_hedge_opens_with_equal_legs_and_closes_flat(desk: Desk, first: str) -> None:
    result = hedge_open(plan=desk.plan(first=first), attempt=None)
    assert result.status == "open", result.answer
    held = legs(result.hedge)
    assert held["long"] == held["short"] > 0
    assert desk.simulator.position(LONG, "BTCUSDT") == held["long"]
    assert desk.net() == 0
    closed = hedge_close(hedge_id=result.hedge.pk, reason="operator")
    assert closed.hedge.status == "closed"
    assert desk.flat()


def test_realized_pnl_is_what_the_wallets_moved_by_to_the_cent(desk: Desk) -> None:
    result = hedge_open(plan=desk.plan("ETHUSDT"), attempt=None)
    hedge_close(hedge_id=result.hedge.pk, reason="operator")
    hedge = Hedge.objects.get(pk=result.hedge.pk)
    assert hedge.realized_pnl_usdt is not None
    assert abs(hedge.realized_pnl_usdt - desk.wallet_change()) < CENT
    assert Fill.objects.filter(hedge=hedge).count() >= 4
    assert not Order.objects.filter(hedge=hedge, fills_booked=False).exists()
