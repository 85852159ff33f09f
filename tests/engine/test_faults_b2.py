"""More venue faults by their number (RELIABILITY B2 to B28), through the whole engine, against the real simulator."""

from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings

from audit.models import OpsAlert
from propbot.errors import RefusedError
from risk.models import DeskState, EntryBlock
from tests.engine.desk import LONG, SHORT, Desk, legs, wait_until
from tests.engine.test_faults import on_order, opened, sane, sent_once, settle
from trading.models import Hedge, Order
from trading.services import resting
from trading.services.execution import HedgeResult, hedge_open, leverage_ensure
from trading.services.reconciliation import reconcile
from trading.services.resolving import FINAL_SECONDS
from trading.venues import wire as venue_wire

D = Decimal
READ_TIMEOUT_MS = 400
PATIENT_DIVISOR = 20


@pytest.fixture
def hasty(desk: Desk) -> Any:
    """Clients that wait for an answer as long as this test has time: the read timeout is ccxt's own setting. An order
    that comes so late must still come before the engine calls it unsent: else it meets the next test's accounts."""
    exchanges = [client._wire.exchange for client in desk.runtime.clients.values()]  # type: ignore[attr-defined]
    for exchange in exchanges:
        exchange.timeout = READ_TIMEOUT_MS
    patient = settings.PROPBOT.replace(RELIABILITY_TIME_DIVISOR=PATIENT_DIVISOR)
    assert FINAL_SECONDS / PATIENT_DIVISOR * 1000 > 3 * READ_TIMEOUT_MS
    with override_settings(PROPBOT=patient):
        yield desk
    for exchange in exchanges:
        exchange.timeout = venue_wire.TIMEOUT_MS


@pytest.mark.parametrize("venue", [LONG, SHORT])
@pytest.mark.parametrize("applied", [True, False])
def test_b2_a_read_timeout_is_unknown_whether_the_order_arrived_or_not(hasty: Desk, venue: str, applied: bool) -> None:
    if not applied:
        hasty.simulator.fault(venue, "drop_before", match=on_order(venue))
    hasty.simulator.fault(venue, "latency", match=on_order(venue), ms=READ_TIMEOUT_MS * 2)
    result = opened(hasty)
    order = Order.objects.get(hedge=result.hedge, venue=venue, purpose="entry")
    assert order.status != "rejected"
    assert sent_once(hasty, result.hedge)
    assert hasty.net() == 0
    sane(hasty)


@pytest.mark.parametrize("applied", [True, False])
def test_b4_service_unavailable_is_verified_by_a_question_before_anything_else(desk: Desk, applied: bool) -> None:
    body = '{"code":-1,"msg":"Service Unavailable."}'
    desk.simulator.fault(LONG, "http_status", match=on_order(LONG), status=503, body=body, applied=applied)
    result = opened(desk)
    order = Order.objects.get(hedge=result.hedge, venue=LONG, purpose="entry")
    assert order.status == ("filled" if applied else "not_sent")
    assert order.checks > 0 or applied
    assert result.hedge.status == ("open" if applied else "failed")
    assert sent_once(desk, result.hedge)
    sane(desk)


@pytest.mark.parametrize(("venue", "status", "code"), [(LONG, 400, -4116), (SHORT, 200, 51016), (SHORT, 200, 50071)])
def test_b7_a_client_id_that_exists_is_asked_for_and_gets_no_second_order(
    desk: Desk, venue: str, status: int, code: int
) -> None:
    desk.simulator.fault(
        venue, "venue_error", match=on_order(venue), status=status, code=code, message="duplicated", applied=True
    )
    result = opened(desk)
    assert result.hedge.status == "open"
    assert Order.objects.get(hedge=result.hedge, venue=venue).status == "filled"
    assert sent_once(desk, result.hedge)
    sane(desk)


@pytest.mark.parametrize(("venue", "status", "code"), [(LONG, 400, -1021), (SHORT, 401, 50102)])
def test_b11_a_request_outside_the_clock_s_window_is_not_posted_again(
    desk: Desk, venue: str, status: int, code: int
) -> None:
    desk.simulator.fault(venue, "venue_error", match=on_order(venue), status=status, code=code, message="timestamp")
    result = opened(desk, first="long" if venue == LONG else "short")
    assert result.hedge.status == "failed"
    assert Order.objects.get(hedge=result.hedge).status == "rejected"
    assert not desk.simulator.accepted() or sent_once(desk, result.hedge)
    assert desk.flat()
    sane(desk)


def resting_open(desk: Desk, monkeypatch: pytest.MonkeyPatch, rest_seconds: float) -> tuple[Thread, list[HedgeResult]]:
    """A post-only hedge opened in a thread of its own, left resting; and where its result will stand."""
    monkeypatch.setattr(resting, "REST_SECONDS", rest_seconds * 50)
    plan, results = desk.plan(post_only=True), []

    def run() -> None:
        results.append(hedge_open(plan=plan, attempt=None))
        connections.close_all()

    thread = Thread(target=run)
    thread.start()
    assert wait_until(lambda: Order.objects.filter(status="open", time_in_force="post_only").exists())
    return thread, results


def test_b13_a_fill_that_comes_after_the_cancel_was_acknowledged_wins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue says yes to the cancel, which it never carries out, and fills the quote afterwards."""
    cancel = {"method": "DELETE", "path": "/fapi/v1/order"}
    desk.simulator.fault(LONG, "http_status", match=cancel, status=200, body="{}", applied=False)
    thread, results = resting_open(desk, monkeypatch, 0.5)
    order = Order.objects.get(time_in_force="post_only")
    assert wait_until(lambda: Order.objects.filter(pk=order.pk, cancel_requested_at__isnull=False).exists())
    desk.simulator.ask("/control/dislocate", "POST", {"venue": LONG, "symbol": "BTCUSDT", "bps": -60, "seconds": 2})
    thread.join(20)
    settle(desk, results[0].hedge)
    order.refresh_from_db()
    assert order.filled_quantity > 0
    assert desk.net() == 0
    sane(desk)


@pytest.mark.parametrize(
    ("venue", "status", "code"), [(LONG, 400, -4164), (LONG, 400, -1111), (SHORT, 200, 51020), (SHORT, 200, 51121)]
)
def test_b17_a_filter_that_refuses_the_second_leg_leaves_no_residue(
    desk: Desk, venue: str, status: int, code: int
) -> None:
    desk.simulator.fault(venue, "venue_error", match=on_order(venue), times=3, status=status, code=code, message="lot")
    result = opened(desk, first="long" if venue == SHORT else "short")
    assert result.hedge.status == "failed"
    assert desk.flat()
    assert OpsAlert.objects.filter(kind="hedge_failed").exists()
    sane(desk)


@pytest.mark.parametrize("fraction", ["0.03", "0.11", "0.97"])
def test_b17_a_fill_below_the_other_venue_s_minimum_is_reduced_away_or_matched(desk: Desk, fraction: str) -> None:
    desk.simulator.fault(LONG, "partial", match=on_order(LONG), fraction=fraction)
    result = opened(desk)
    held = legs(Hedge.objects.get(pk=result.hedge.pk))
    assert held["long"] == held["short"]
    assert desk.net() == 0
    sane(desk)


@pytest.mark.parametrize(("venue", "status", "code"), [(LONG, 400, -4140), (SHORT, 200, 51028)])
def test_b18_a_symbol_halted_between_the_legs_takes_the_orphan_policy(
    desk: Desk, venue: str, status: int, code: int
) -> None:
    """Codes of a halt stand in no list of rejections: unknown until the venue says that it knows no such order."""
    match = {**on_order(venue), "leg": "short" if venue == SHORT else "long"}
    desk.simulator.fault(venue, "venue_error", match=match, times=50, status=status, code=code, message="halted")
    result = opened(desk, first="long" if venue == SHORT else "short")
    assert result.hedge.status == "failed"
    assert desk.flat()
    assert EntryBlock.objects.filter(symbol="BTCUSDT").exists()
    sane(desk)


@pytest.mark.parametrize("first", ["long", "short"])
def test_b24_an_error_inside_an_item_of_a_good_answer_is_read(desk: Desk, first: str) -> None:
    desk.simulator.fault(SHORT, "reject", match=on_order(SHORT), times=3, code="51008")
    result = opened(desk, first=first)
    assert Order.objects.filter(hedge=result.hedge, venue=SHORT, status="rejected", outcome_code="51008").exists()
    assert result.hedge.status == "failed"
    assert desk.flat()
    sane(desk)


def test_b24_an_item_that_names_no_order_of_ours_proves_nothing(desk: Desk) -> None:
    desk.simulator.fault(SHORT, "venue_error", match=on_order(SHORT), code=51008, message="margin", item=True)
    result = opened(desk)
    assert Order.objects.get(hedge=result.hedge, venue=SHORT, purpose="entry").status == "not_sent"
    assert desk.flat()
    sane(desk)


@pytest.mark.parametrize("venue", [LONG, SHORT])
@pytest.mark.parametrize("value", ["NaN", "1e400", "-1"])
def test_b26_an_answer_whose_field_is_no_number_is_unknown_and_asked_for(desk: Desk, venue: str, value: str) -> None:
    desk.simulator.fault(venue, "bad_number", match=on_order(venue), value=value)
    result = opened(desk)
    assert result.hedge.status == "open"
    assert sent_once(desk, result.hedge)
    assert desk.net() == 0
    sane(desk)


def test_b27_a_venue_in_maintenance_takes_no_second_leg_and_the_first_goes(desk: Desk) -> None:
    leverage_ensure(desk.runtime, desk.plan())
    desk.simulator.fault(SHORT, "maintenance", match={"method": "POST"}, times=200, refuse=True)
    result = opened(desk)
    assert result.hedge.status == "failed"
    assert desk.flat()
    sane(desk)


def test_b27_a_dark_venue_holds_the_desk_until_it_answers_and_nothing_is_sent_twice(desk: Desk) -> None:
    """From the second leg on the venue answers nothing at all: no proof, so the first leg is kept and alarmed."""
    plan = desk.plan()
    leverage_ensure(desk.runtime, plan)
    desk.simulator.fault(SHORT, "http_status", times=4000, status=503)
    result = hedge_open(plan=plan, attempt=None)
    assert settle(desk, result.hedge, 4).status == "unresolved"
    assert EntryBlock.objects.filter(symbol="BTCUSDT", lifted_at=None).exists()
    assert DeskState.objects.get(pk=1).hold_active
    with pytest.raises(RefusedError):
        hedge_open(plan=plan, attempt=None)
    desk.simulator.calm()
    settle(desk, result.hedge, 20)
    assert result.hedge.status in ("failed", "open")
    assert desk.net() == 0
    assert sent_once(desk, result.hedge)
    sane(desk)


def test_b28_a_dead_man_s_switch_that_fires_places_nothing_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    thread, results = resting_open(desk, monkeypatch, 8)
    client = desk.runtime.clients[LONG]
    desk.runtime.run(client.arm_cancel_timer(["BTCUSDT"], 1))
    thread.join(20)
    settle(desk, results[0].hedge)
    quotes = Order.objects.filter(hedge=results[0].hedge)
    assert [order.status for order in quotes] == ["canceled"]
    assert results[0].hedge.status == "failed"
    assert desk.flat()
    assert reconcile(runtime=desk.runtime).clean is True
    sane(desk)
