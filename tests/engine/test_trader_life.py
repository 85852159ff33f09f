"""The trader's life: lease, HOLD at the start, recovery, standby, succession, resting quotes and their timers."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import IntegrityError, OperationalError, connections
from django.test import override_settings

from propbot.clock import utc_now
from propbot.config import values
from propbot.errors import RefusedError
from risk.models import DeskState, TraderLease
from tests.engine.conftest import build_runtime
from tests.engine.desk import LONG, SHORT, Desk, Simulator, legs, wait_until
from trading.models import Hedge, Leg, Order, ReconciliationRound
from trading.runtime.handle import installed
from trading.runtime.worker import TraderWorker
from trading.services import dead_man
from trading.services.execution import hedge_open
from trading.services.margin_guard import hedge_shrink

D = Decimal


@pytest.fixture
def worker(transactional_db: None, simulator: Simulator, tmp_path: object) -> Iterator[TraderWorker]:
    chosen = values().replace(
        PROFILE="simulator",
        SIMULATOR_URL=simulator.url,
        DRY_RUN_ONLY=False,
        ORPHAN_MAX_SEC=3,
        RELIABILITY_TIME_DIVISOR=50,
    )
    with override_settings(PROPBOT=chosen, DATA_DIR=tmp_path):
        simulator.calm()
        one = TraderWorker(build_runtime())
        yield one
        one.stop()
        connections.close_all()


def test_a_start_stops_the_desk_recovers_and_reaches_two_clean_rounds(worker: TraderWorker) -> None:
    before = DeskState.objects.get(pk=1).hold_id
    worker.start()
    assert wait_until(lambda: worker.runtime.recovered, 30)
    desk = DeskState.objects.get(pk=1)
    assert (desk.hold_active, desk.safe_mode, desk.mode) == (True, True, "HOLD")
    assert desk.hold_id > before
    assert desk.trader_epoch == worker.runtime.epoch == TraderLease.objects.get(pk=1).epoch
    assert wait_until(lambda: ReconciliationRound.objects.filter(clean=True).count() >= 2, 30)
    assert worker.runtime.problems == {LONG: (), SHORT: ()}


@pytest.mark.parametrize(
    ("fault", "event", "with_traceback"),
    [
        (OperationalError("connection refused"), "trader_thread_without_database", False),
        (IntegrityError("null value"), "trader_thread_failed", True),
        (ValueError("a surprise"), "trader_thread_failed", True),
    ],
)
def test_a_thread_goes_on_and_hides_no_fault_of_ours_behind_an_absent_database(
    worker: TraderWorker, caplog: pytest.LogCaptureFixture, fault: Exception, event: str, with_traceback: bool
) -> None:
    turns: list[int] = []

    def step() -> None:
        turns.append(1)
        if len(turns) > 1:
            worker._stopping.set()
        raise fault

    worker._again("lease", step, 0)
    assert len(turns) == 2
    told = [one for one in caplog.records if "trader_thread_" in one.getMessage()]
    assert [event in one.getMessage() for one in told] == [True, True]
    assert {"Traceback" in one.getMessage() for one in told} == {with_traceback}


def test_a_second_trader_stands_by_and_takes_over_after_an_orderly_stop(worker: TraderWorker) -> None:
    worker.start()
    assert wait_until(lambda: worker.runtime.recovered, 30)
    first_epoch = worker.runtime.epoch
    second = TraderWorker(build_runtime())
    second._lease_step()
    assert second.runtime.standby
    worker.stop()
    second._lease_step()
    assert second.runtime.epoch == first_epoch + 1
    assert wait_until(lambda: second.runtime.recovered, 30)
    worker.runtime = second.runtime  # the fixture stops the one that still lives
    worker._threads, worker.holder = [], second.holder


def test_a_trader_that_lost_its_lease_sends_nothing(worker: TraderWorker) -> None:
    worker.start()
    assert wait_until(lambda: worker.runtime.recovered, 30)
    TraderLease.objects.update(holder="somebody else")
    worker._renewed = float("-inf")
    assert wait_until(lambda: worker.runtime.standby, 10)
    assert installed() is worker.runtime


def test_a_draining_or_unready_trader_opens_nothing(desk: Desk) -> None:
    plan = desk.plan()
    for name, value in (("draining", True), ("recovered", False), ("epoch", 0)):
        before = getattr(desk.runtime, name)
        setattr(desk.runtime, name, value)
        with pytest.raises(RefusedError):
            hedge_open(plan=plan, attempt=None)
        setattr(desk.runtime, name, before)
    desk.runtime.problems = {LONG: ("hedge mode is on",)}
    with pytest.raises(RefusedError, match="hedge mode is on"):
        hedge_open(plan=plan, attempt=None)
    desk.runtime.problems = {}
    assert not Order.objects.exists()


def test_stale_data_between_decision_and_wire_sends_nothing(desk: Desk, settings: object) -> None:
    plan = desk.plan()
    settings.PROPBOT = values().replace(MAX_QUOTE_AGE_MS=1)  # type: ignore[attr-defined]
    with pytest.raises(RefusedError, match="old"):
        hedge_open(plan=plan, attempt=None)
    assert Hedge.objects.get().status == "failed"
    assert set(Order.objects.values_list("status", flat=True)) == {"denied"}
    assert desk.flat()


def test_a_post_only_quote_that_nobody_takes_is_canceled(desk: Desk) -> None:
    result = hedge_open(plan=desk.plan(post_only=True), attempt=None)
    assert result.hedge.status in ("failed", "open")
    quote = Order.objects.filter(hedge=result.hedge, time_in_force="post_only").get()
    assert quote.status in ("canceled", "filled", "rejected")
    assert desk.net() == 0


def resting_row(desk: Desk) -> Order:
    """A journaled quote that rests: for the timers, which look at rows."""
    hedge = Hedge.objects.create(
        symbol="BTCUSDT", strategy="cross_exchange_arb", long_venue=LONG, short_venue=SHORT, simulated=False,
        planned_quantity=D("0.002"), notional_usdt=D(200), initiator="alice", trader_epoch=1, hold_id=1, created_at=utc_now(),
    )  # fmt: skip
    leg = Leg.objects.create(hedge=hedge, position_side="long", venue=LONG, symbol="BTCUSDT")
    Leg.objects.create(hedge=hedge, position_side="short", venue=SHORT, symbol="BTCUSDT")
    return Order.objects.create(
        client_order_id="PBtstresting0000000000000000A01"[:30], hedge=hedge, leg=leg, venue=LONG, symbol="BTCUSDT", purpose="entry", side="buy",
        order_type="limit", time_in_force="post_only", reduce_only=False, simulated=False, quantity=D("0.002"), limit_price=D(1000),
        status="open", trader_epoch=1, created_at=utc_now(), sending_at=utc_now(),
    )  # fmt: skip


def test_the_dead_man_s_timers_live_while_quotes_rest_and_go_with_them(desk: Desk) -> None:
    order = resting_row(desk)
    switch = dead_man.DeadMan()
    switch.beat(desk.runtime)
    assert switch.armed[LONG].symbols == {"BTCUSDT"}
    assert not switch.armed[SHORT].symbols
    Order.objects.filter(pk=order.pk).update(status="canceled")
    switch.beat(desk.runtime)
    assert not switch.armed[LONG].symbols


def test_two_missed_beats_hold_the_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    resting_row(desk)
    monkeypatch.setitem(dead_man.RHYTHM, LONG, (0.0, 90.0))
    desk.simulator.fault(LONG, "http_status", match={"path": "countdownCancelAll"}, times=10, status=503)
    switch = dead_man.DeadMan()
    switch.beat(desk.runtime)
    assert not DeskState.objects.get(pk=1).hold_active
    switch.beat(desk.runtime)
    assert DeskState.objects.get(pk=1).hold_active


def test_the_margin_guard_s_reduction_keeps_the_hedge_neutral(desk: Desk) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    before = legs(hedge)["long"]
    hedge_shrink(runtime=desk.runtime, hedge=hedge, fraction=D("0.5"))
    held = legs(Hedge.objects.get(pk=hedge.pk))
    assert held["long"] == held["short"] == before / 2
    assert desk.net() == 0
