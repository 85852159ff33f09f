"""Reconciliation against the real simulator: clean rounds, and what happens behind PropBot's back (S7, B19)."""

from decimal import Decimal

import pytest

from audit.models import OpsAlert
from risk.models import DeskState, EntryBlock
from tests.engine.desk import LONG, SHORT, Desk, wait_until
from trading.models import FundingPayment, Hedge, ReconciliationDifference, ReconciliationRound
from trading.services.closing import hedge_close
from trading.services.execution import hedge_open
from trading.services.ports import clean_rounds
from trading.services.reconciliation import reconcile

D = Decimal


def settled_round(desk: Desk) -> ReconciliationRound:
    """A round after the orders have become old enough to be compared."""
    rounds: list[ReconciliationRound] = []

    def compared() -> bool:
        rounds.append(reconcile(runtime=desk.runtime))
        return bool(rounds[-1].summary["findings"]) or len(rounds) > 6

    wait_until(compared, 5)
    return rounds[-1]


def outside(
    desk: Desk, kind: str, *, venue: str = LONG, symbol: str = "BTCUSDT", side: str = "buy", quantity: str = "0.002"
) -> None:
    body = {"venue": venue, "symbol": symbol, "side": side, "quantity": quantity, "kind": kind}
    desk.simulator.ask("/control/trade", "POST", body)


def test_an_untouched_account_gives_clean_rounds(desk: Desk) -> None:
    assert reconcile(runtime=desk.runtime).clean is True
    assert reconcile(runtime=desk.runtime).clean is True
    assert clean_rounds(1) == 2


def test_an_open_hedge_is_clean_and_equal_to_the_venues(desk: Desk) -> None:
    hedge_open(plan=desk.plan(), attempt=None)
    row = settled_round(desk)
    assert row.clean is True, list(ReconciliationDifference.objects.values())


def test_a_foreign_position_blocks_its_symbol_holds_the_desk_and_is_not_adopted(desk: Desk) -> None:
    outside(desk, "outside")
    row = settled_round(desk)
    assert row.clean is False
    difference = ReconciliationDifference.objects.get(kind="foreign_position")
    assert difference.theirs["named"] == "outside_trade"
    assert EntryBlock.objects.filter(symbol="BTCUSDT", lifted_at=None).exists()
    assert DeskState.objects.get(pk=1).hold_active
    assert not Hedge.objects.exists()


@pytest.mark.parametrize("kind", ["liquidation", "adl", "outside"])
def test_b19_a_leg_taken_behind_our_back_is_a_difference_and_stops_the_desk(desk: Desk, kind: str) -> None:
    result = hedge_open(plan=desk.plan(), attempt=None)
    held = desk.simulator.position(LONG, "BTCUSDT")
    outside(desk, kind, side="sell", quantity=str(held))
    settled_round(desk)
    difference = ReconciliationDifference.objects.get(venue=LONG, symbol="BTCUSDT", resolved_at=None)
    assert difference.kind in ("position", kind)
    assert difference.theirs["named"] in ("outside_trade", kind)
    assert DeskState.objects.get(pk=1).hold_active
    assert OpsAlert.objects.filter(kind="reconciliation", severity="critical").exists()
    assert Hedge.objects.get(pk=result.hedge.pk).status in ("open", "partial")


def test_a_dark_venue_is_neither_clean_nor_a_difference(desk: Desk) -> None:
    desk.simulator.fault(SHORT, "http_status", match={"path": "/api/v5/account"}, times=20, status=503)
    row = reconcile(runtime=desk.runtime)
    assert row.clean is None
    assert row.venues_read == [LONG]
    assert not ReconciliationDifference.objects.exists()


def test_funding_is_booked_to_the_hedge_that_held_the_position(desk: Desk) -> None:
    result = hedge_open(plan=desk.plan("ETHUSDT"), attempt=None)
    for venue in (LONG, SHORT):
        desk.simulator.ask("/control/funding", "POST", {"venue": venue, "symbol": "ETHUSDT", "rate": "0.0003"})
    reconcile(runtime=desk.runtime)
    assert FundingPayment.objects.filter(hedge=result.hedge).count() == 2
    hedge_close(hedge_id=result.hedge.pk, reason="operator")
    realized = Hedge.objects.get(pk=result.hedge.pk).realized_pnl_usdt
    assert realized is not None
    assert abs(realized - desk.wallet_change()) < D("0.01")
