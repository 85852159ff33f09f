"""HOLD against send (law 1, I3): once HOLD has answered, nothing opens but what its answer named."""

import os
import random
import threading
import time

import pytest
from django.db import connection

from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk import hold_file
from risk.services.hold import hold_engage
from tests.engine.desk import Desk, desk_running
from tests.engine.oracle import Seen, i3_hold, received_at
from trading.models import Hedge, Order
from trading.services import execution, journal
from trading.services.closing import close_all
from trading.services.execution import hedge_open
from trading.sizing import EntryPlan

RACES = 1000 if os.environ.get("CHAOS") else 12


def open_in_thread(plan: EntryPlan, refusals: list[str]) -> threading.Thread:
    def work() -> None:
        try:
            hedge_open(plan=plan, attempt=None)
        except RefusedError as refused:
            refusals.append(refused.code)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def release(desk: Desk) -> None:
    close_all(reason="next race")
    hold_file.path().unlink(missing_ok=True)
    desk_running(epoch=1)


@pytest.mark.timeout(3600)
def test_after_hold_has_answered_nothing_opens_but_what_it_named(desk: Desk) -> None:
    chance = random.Random(7)  # noqa: S311 - a seeded order of races, no secret
    holds = []
    for _ in range(RACES):
        refusals: list[str] = []
        thread = open_in_thread(desk.plan("ETHUSDT", notional="200"), refusals)
        time.sleep(chance.uniform(0, 0.12))
        held = hold_engage(reason="race", source="test")
        # The answer's moment, on the clock that the simulator shares with us.
        holds.append((held.at, frozenset(held.in_flight or [])))
        answered = time.time()
        thread.join(30)
        late = [
            order
            for order in desk.simulator.accepted()
            if not order["reduce_only"]
            and order["client_order_id"] not in holds[-1][1]
            and _epoch_seconds(order["received_at"]) > answered
        ]
        assert late == []
        release(desk)
    assert not Hedge.objects.exclude(status__in=["closed", "failed"]).exists()
    assert desk.flat("ETHUSDT")
    assert Order.objects.filter(status="planned").count() == 0


def _epoch_seconds(text: str) -> float:
    return received_at({"received_at": text}).timestamp()


def test_the_hold_file_alone_stops_an_order_that_is_already_marked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row still says RUN: another process wrote the file between the mark and the wire."""
    plan = desk.plan()

    def file_now(name: str) -> None:
        if name == "pre_send":
            hold_file.write(reason="panic", source="test", hold_id=None, at=utc_now())

    monkeypatch.setattr(journal, "crashpoint", file_now)
    result = hedge_open(plan=plan, attempt=None)
    assert result.status == "failed"
    assert set(Order.objects.values_list("status", "outcome_code")) == {("denied", "hold_file")}
    assert desk.flat()


def test_hold_between_the_legs_flattens_the_filled_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F14: the second leg is not sent, nothing is re-hedged."""

    def hold_now(name: str) -> None:
        if name == "leg_a_filled":
            hold_engage(reason="between the legs", source="test")

    monkeypatch.setattr(execution, "crashpoint", hold_now)
    result = hedge_open(plan=desk.plan(), attempt=None)
    assert result.status == "failed"
    assert desk.flat()
    assert not Order.objects.filter(purpose__in=["entry", "rehedge"], leg__position_side="short").exists()
    assert i3_hold(Seen(orders=desk.simulator.orders(), positions={})) == []
