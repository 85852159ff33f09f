"""A leg that the venue, or another hand, took (RELIABILITY B19): named, closed, and booked as what it was."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditRecord, OpsAlert
from tests.engine.desk import LONG, SHORT, Desk, wait_until
from tests.engine.test_faults import sane
from trading.models import Fill, Hedge, Order, ReconciliationDifference
from trading.services import rebuild, takings
from trading.services.closing import closing_continue, hedge_close
from trading.services.execution import hedge_open
from trading.services.reconciliation import reconcile

D = Decimal
NAMED = {"adl": "adl", "liquidation": "liquidation", "outside": "outside_trade"}


def took(desk: Desk, kind: str, venue: str, quantity: Decimal) -> None:
    side = "sell" if desk.simulator.position(venue, "BTCUSDT") > 0 else "buy"
    body = {"venue": venue, "symbol": "BTCUSDT", "side": side, "quantity": str(quantity), "kind": kind}
    desk.simulator.ask("/control/trade", "POST", body)


def half(hedge: Hedge) -> Decimal:
    quantity: Decimal = hedge.quantity / 2
    return quantity.quantize(D("0.001"))


@pytest.mark.parametrize("venue", [LONG, SHORT])
@pytest.mark.parametrize("kind", ["adl", "liquidation", "outside"])
def test_b19_the_venue_s_own_row_names_what_took_the_leg(desk: Desk, kind: str, venue: str) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    took(desk, kind, venue, hedge.quantity)
    assert wait_until(lambda: bool(reconcile(runtime=desk.runtime).summary["findings"]))
    difference = ReconciliationDifference.objects.get(venue=venue, symbol="BTCUSDT", resolved_at=None)
    assert difference.kind == ("position" if kind == "outside" else kind)
    assert difference.theirs["named"] == NAMED[kind]


@pytest.mark.parametrize("venue", [LONG, SHORT])
@pytest.mark.parametrize("kind", ["adl", "liquidation", "outside"])
@pytest.mark.parametrize("how", ["close", "flatten"])
def test_b19_a_taken_leg_is_closed_and_its_trade_booked_as_what_it_was(
    desk: Desk, kind: str, venue: str, how: str
) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    took(desk, kind, venue, hedge.quantity)
    closed = hedge_close(hedge_id=hedge.pk, reason="operator", kind=how).hedge
    assert closed.status == "closed"
    assert desk.flat()
    outside = Order.objects.get(hedge=hedge, purpose="outside")
    assert (outside.venue, outside.status, outside.outcome_code) == (venue, "filled", NAMED[kind])
    assert outside.sending_at is None
    assert AuditRecord.objects.filter(action="outside_trade_booked", target=str(hedge.pk)).exists()
    assert OpsAlert.objects.filter(kind="leg_taken", severity="critical").exists()
    assert list(rebuild.hedge_differences(closed)) == []
    assert closed.realized_pnl_usdt is not None
    assert abs(closed.realized_pnl_usdt - desk.wallet_change()) < D("0.01")
    sane(desk)


def test_b19_a_leg_taken_in_part_gives_what_is_left(desk: Desk) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    took(desk, "adl", LONG, half(hedge))
    closed = hedge_close(hedge_id=hedge.pk, reason="operator").hedge
    assert closed.status == "closed"
    assert desk.flat()
    assert Order.objects.get(hedge=hedge, purpose="outside").quantity == half(hedge)
    sane(desk)


def test_b19_one_trade_that_took_from_two_hedges_is_booked_once_in_two_parts(desk: Desk) -> None:
    hedges = [hedge_open(plan=desk.plan(), attempt=None).hedge for _ in range(2)]
    took(desk, "liquidation", LONG, hedges[0].quantity + half(hedges[1]))
    for hedge in hedges:
        assert hedge_close(hedge_id=hedge.pk, reason="operator").hedge.status == "closed"
    assert desk.flat()
    parts = Fill.objects.filter(order__purpose="outside")
    assert sum(part.quantity for part in parts) == hedges[0].quantity + half(hedges[1])
    assert desk.wallet_change() == pytest.approx(
        sum((h.realized_pnl_usdt or D(0) for h in Hedge.objects.all()), D(0)), abs=D("0.01")
    )
    sane(desk)


def test_b19_without_a_trade_that_tells_of_it_nothing_is_booked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue shows no position, and its list of trades cannot be read: the hedge stays, alarmed, and is not
    invented to its end. Once the list is read again, it ends."""
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    took(desk, "adl", LONG, hedge.quantity)
    desk.simulator.fault(LONG, "http_status", match={"path": "/fapi/v1/userTrades"}, times=500, status=503)
    assert hedge_close(hedge_id=hedge.pk, reason="operator").hedge.status == "closing"
    assert not Order.objects.filter(purpose="outside").exists()
    desk.simulator.calm()

    def ended() -> bool:
        closing_continue()
        return Hedge.objects.get(pk=hedge.pk).status == "closed"

    assert wait_until(ended)
    sane(desk)


def trades(quantities: list[Decimal]) -> list[tuple[Any, Decimal]]:
    return [(SimpleNamespace(filled_at=number), quantity) for number, quantity in enumerate(quantities)]


@given(
    st.decimals(0, 100, places=3),
    st.lists(st.decimals(0, 50, places=3), max_size=6),
)
def test_parts_never_exceed_what_is_missing_nor_their_trade(missing: Decimal, free: list[Decimal]) -> None:
    found = takings.parts(missing, trades(free))
    assert sum((part for _, part in found), D(0)) == min(missing, sum(free, D(0)))
    assert all(0 < part <= free[cast(int, fill.filled_at)] for fill, part in found)
