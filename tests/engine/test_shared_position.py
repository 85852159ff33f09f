"""Two hedges of one symbol share a position at each venue: what one gives back is never taken from the other."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.engine.conftest import flatten_accounts
from tests.engine.desk import LONG, SHORT, Desk, legs
from trading.choices import OrderPurpose
from trading.models import Hedge, Leg, Order
from trading.services.closing import hedge_close
from trading.services.execution import hedge_open
from trading.services.orphan_facts import legs_of
from trading.services.reducing import Reduction, reduce_round


@pytest.fixture(autouse=True)
def flat_afterwards(desk: Desk) -> Iterator[None]:
    """A hedge that is kept here would be a foreign position to a test that begins with a trader's start."""
    yield
    flatten_accounts(desk)


def opened(desk: Desk, notional: str) -> Hedge:
    return hedge_open(plan=desk.plan(notional=notional), attempt=None).hedge


def lose(desk: Desk, leg: Leg, quantity: Decimal) -> None:
    """As an exit whose answer was lost and that the venue does not tell of yet: gone there, held in our books."""
    body = {"venue": leg.venue, "symbol": leg.symbol, "side": "sell", "quantity": str(quantity), "kind": "outside"}
    desk.simulator.ask("/control/trade", "POST", body)


def reduced(desk: Desk, hedge: Hedge) -> list[Order]:
    long, _ = legs_of(hedge)
    wanted = [Reduction(long, long.quantity, OrderPurpose.EXIT)]
    return reduce_round(runtime=desk.runtime, hedge=hedge, reductions=wanted, bps=None)


def test_what_the_venue_holds_for_another_hedge_is_left_alone(desk: Desk) -> None:
    kept, leaving = opened(desk, "2000"), opened(desk, "900")
    long, _ = legs_of(leaving)
    lose(desk, long, long.quantity)
    assert reduced(desk, leaving) == []
    assert desk.simulator.position(LONG, "BTCUSDT") == legs(kept)["long"]


def test_only_what_is_left_beside_another_hedge_is_reduced(desk: Desk) -> None:
    kept, leaving = opened(desk, "2000"), opened(desk, "900")
    long, _ = legs_of(leaving)
    gone = Decimal("0.004")
    lose(desk, long, gone)
    [order] = reduced(desk, leaving)
    assert (order.quantity, order.status) == (long.quantity - gone, "filled")
    assert desk.simulator.position(LONG, "BTCUSDT") == legs(kept)["long"]


def test_one_of_two_closes_and_the_other_keeps_all_of_its_own(desk: Desk) -> None:
    kept, leaving = opened(desk, "2000"), opened(desk, "900")
    assert hedge_close(hedge_id=leaving.pk, reason="operator").hedge.status == "closed"
    held = legs(kept)
    assert desk.simulator.position(LONG, "BTCUSDT") == held["long"]
    assert desk.simulator.position(SHORT, "BTCUSDT") == -held["short"]
