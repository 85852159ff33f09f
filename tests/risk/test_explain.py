"""``explain_order``: an order is judged again by its own version of the limits, not by today's."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from risk.models import LimitsVersion, StrategyEvent
from risk.services.limits import limit_change, limits_read
from tests.risk.figures import NOW, Cast, Figures
from trading.models import Hedge, Leg, Order

D = Decimal
pytestmark = pytest.mark.django_db


def hedge_with_order(client_order_id: str, version: int, *, minutes: int, notional: str) -> Order:
    created = NOW + timedelta(minutes=minutes)
    hedge = Hedge.objects.create(
        symbol="BTCUSDT",
        strategy="cross_exchange_arb",
        long_venue="binance-um",
        short_venue="okx-perp",
        simulated=False,
        planned_quantity=D("0.1"),
        notional_usdt=D(notional),
        initiator="alice",
        trader_epoch=1,
        hold_id=1,
        created_at=created,
        opened_at=created,
        status="open",
    )
    leg = Leg.objects.create(hedge=hedge, position_side="long", venue="binance-um", symbol="BTCUSDT")
    return Order.objects.create(
        client_order_id=client_order_id,
        hedge=hedge,
        leg=leg,
        venue="binance-um",
        symbol="BTCUSDT",
        purpose="entry",
        side="buy",
        order_type="limit",
        time_in_force="ioc",
        reduce_only=False,
        simulated=False,
        quantity=D("0.1"),
        limit_price=D(50000),
        trader_epoch=1,
        limits_version=version,
        created_at=created,
        ended_at=created,
    )


def told(client_order_id: str) -> str:
    out = StringIO()
    call_command("explain_order", client_order_id, stdout=out)
    return out.getvalue()


def test_it_judges_by_the_orders_own_version(cast: Cast, figures: Figures) -> None:
    first = limits_read().version
    hedge_with_order("PB1", first, minutes=0, notional="10000")
    hedge_with_order("PB2", first, minutes=5, notional="10000")
    with cast.acting("alice"):
        limit_change(name="MAX_POSITION_USDT", value=D(15000), reason="calm")
    assert "open then: 1 hedges, 10000 USDT" in told("PB2")
    assert "gate: allowed" in told("PB2")
    Order.objects.filter(client_order_id="PB2").update(limits_version=LimitsVersion.objects.latest("id").pk)
    assert "gate: caps_exceeded max_position_usdt" in told("PB2")
    assert "open then: 0 hedges" in told("PB1")


def test_a_strategy_is_judged_by_its_switches_of_then(cast: Cast, figures: Figures) -> None:
    from risk.services.strategies import strategy_freeze, strategy_unfreeze_request

    first = limits_read().version
    hedge_with_order("PB1", first, minutes=0, notional="1000")
    strategy_freeze(name="cross_exchange_arb", reason="odd")
    assert "gate: allowed" in told("PB1")
    StrategyEvent.objects.update(at=Order.objects.get().created_at)
    assert "gate: strategy_frozen" in told("PB1")
    with cast.acting("alice"):
        request = strategy_unfreeze_request(name="cross_exchange_arb", reason="understood")
    cast.approve("bob", request)
    assert "gate: strategy_frozen" in told("PB1")


def test_an_unknown_order_is_named() -> None:
    with pytest.raises(CommandError, match="PB404"):
        call_command("explain_order", "PB404")
