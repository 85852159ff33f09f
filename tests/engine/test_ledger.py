"""Figures from the ledger, simulated hedges beside real ones, and the rebuild."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from propbot.clock import utc_now
from tests.engine.desk import LONG, SHORT, Desk
from trading.models import DailyPnl, Fill, Hedge, Leg, Order
from trading.quotes import board
from trading.services.closing import hedge_close
from trading.services.execution import hedge_open
from trading.services.exposure import exposure_snapshot, hedge_pnl, pnl_figures
from trading.services.ledger import hedge_book

D = Decimal


def check() -> str:
    out = StringIO()
    call_command("rebuild_ledger", "--check", stdout=out)
    return out.getvalue()


def test_exposure_counts_one_leg_per_hedge_and_its_own_on_each_venue(desk: Desk) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    exposure = exposure_snapshot()
    assert exposure.open_hedges == 1
    assert exposure.total_notional_usdt == max(exposure.per_venue[LONG], exposure.per_venue[SHORT])
    assert exposure.per_strategy[hedge.strategy].open_hedges == 1


def test_unrealized_is_none_without_a_fresh_mark(desk: Desk) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    assert hedge_pnl(hedge).unrealized_usdt is None
    assert pnl_figures(utc_now()).unrealized_usdt is None
    for venue in (LONG, SHORT):
        board().put_marks(desk.runtime.run(desk.runtime.clients[venue].fetch_marks(["BTCUSDT"])))
    assert hedge_pnl(hedge).unrealized_usdt is not None
    assert pnl_figures(utc_now()).unrealized_usdt is not None


def test_the_days_add_up_and_the_ledger_follows_from_its_fills(desk: Desk) -> None:
    for _ in range(2):
        hedge = hedge_open(plan=desk.plan("ETHUSDT"), attempt=None).hedge
        hedge_close(hedge_id=hedge.pk, reason="operator")
    figures = pnl_figures(utc_now())
    assert figures.realized_today_usdt == sum(Hedge.objects.values_list("realized_pnl_usdt", flat=True), D(0)) < 0
    one = figures.per_strategy["cross_exchange_arb"]
    assert one.max_drawdown_usdt == -one.realized_total_usdt
    assert "the ledger follows from its fills" in check()


def test_a_changed_leg_is_named_and_rebuilt(desk: Desk) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    Leg.objects.filter(hedge=hedge).update(fees_usdt=D(7))
    with pytest.raises(CommandError, match="2 differences"):
        check()
    call_command("rebuild_ledger", stdout=StringIO())
    assert "the ledger follows" in check()


def test_a_simulated_hedge_lives_beside_and_never_reaches_a_venue(desk: Desk) -> None:
    before = len(desk.simulator.orders())
    for venue in (LONG, SHORT):
        board().put(desk.runtime.run(desk.runtime.clients[venue].fetch_quotes(["BTCUSDT"])))
    hedge = hedge_open(plan=desk.plan(simulated=True, notional="200"), attempt=None).hedge
    assert (hedge.status, hedge.simulated) == ("open", True)
    assert len(desk.simulator.orders()) == before
    assert exposure_snapshot().open_hedges == 0
    assert exposure_snapshot(simulated=True).open_hedges == 1
    for venue in (LONG, SHORT):
        board().put(desk.runtime.run(desk.runtime.clients[venue].fetch_quotes(["BTCUSDT"])))
    assert hedge_close(hedge_id=hedge.pk, reason="operator").hedge.status == "closed"
    assert len(desk.simulator.orders()) == before
    assert not DailyPnl.objects.filter(simulated=False).exists()
    assert Fill.objects.filter(simulated=True).count() == 4
    assert pnl_figures(utc_now()).realized_today_usdt == 0


def test_a_duplicate_fill_is_booked_once(desk: Desk) -> None:
    """B14: the same trades told again change nothing."""
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    before = list(Fill.objects.values_list("trade_id", "quantity"))
    Order.objects.update(fills_booked=False)
    hedge_book(runtime=desk.runtime, hedge=hedge)
    assert list(Fill.objects.values_list("trade_id", "quantity")) == before
    assert "the ledger follows" in check()
