"""Venue faults by their number (RELIABILITY B), through the whole engine, against the real simulator."""

import os
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from propbot.clock import utc_now
from tests.engine.desk import LONG, SHORT, Desk, legs, wait_until
from tests.engine.oracle import Seen, violations
from trading.choices import OrderStatus
from trading.models import Hedge, Order, OrderEvent
from trading.services import recovery
from trading.services.execution import HedgeResult, hedge_open
from trading.services.outcomes import orders_unproven
from trading.services.recovery import hedges_settle, resolve_sweep

D = Decimal
ORDER_PATH = {LONG: "/fapi/v1/order", SHORT: "/api/v5/trade/"}
POST = {"method": "POST"}


def on_order(venue: str) -> dict[str, Any]:
    return {"method": "POST", "path": ORDER_PATH[venue]}


def seen(desk: Desk) -> Seen:
    positions = {
        (p["venue"], p["symbol"]): D(str(p["quantity"]))
        for p in desk.simulator.ask("/control/positions")["positions"]
        if D(str(p["quantity"]))
    }
    return Seen(orders=desk.simulator.orders(), positions=positions, divisor=50, deadline_seconds=3)


def settle(desk: Desk, hedge: Hedge, seconds: float = 12) -> Hedge:
    """Sweep as the trader's own thread does until the hedge has left its opening, or the time is over."""

    def settled() -> bool:
        resolve_sweep(runtime=desk.runtime)
        hedges_settle(runtime=desk.runtime)
        hedge.refresh_from_db()
        return hedge.status not in ("opening", "unresolved")

    wait_until(settled, seconds)
    return hedge


def opened(desk: Desk, *, first: str = "long") -> HedgeResult:
    result = hedge_open(plan=desk.plan(first=first), attempt=None)
    settle(desk, result.hedge)
    return result


def sent_once(desk: Desk, hedge: Hedge) -> bool:
    names = [o["client_order_id"] for o in desk.simulator.accepted()]
    mine = list(Order.objects.filter(hedge=hedge).values_list("client_order_id", flat=True))
    return all(names.count(name) <= 1 for name in mine)


def sane(desk: Desk) -> None:
    assert violations(seen(desk)) == []


def test_a15_an_order_that_another_recoverer_has_just_ended_is_left_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed while nobody knew its end; by the time that its hedge is ours, the other one has proved it unsent."""
    desk.simulator.fault(LONG, "drop_before", match=on_order(LONG))
    result = hedge_open(plan=desk.plan(first="long"), attempt=None)
    stale = list(Order.objects.filter(orders_unproven(), hedge=result.hedge))
    monkeypatch.setattr(recovery, "orders_due", lambda *, now: stale)
    ended = Order.objects.filter(pk__in=[order.pk for order in stale])
    ended.update(status=OrderStatus.NOT_SENT, sending_at=utc_now() - timedelta(minutes=1), not_found_answers=9)
    events = OrderEvent.objects.filter(order__in=stale).count()
    assert (len(stale), resolve_sweep(runtime=desk.runtime)) == (1, 0)
    assert [order.status for order in ended] == [OrderStatus.NOT_SENT]
    assert OrderEvent.objects.filter(order__in=stale).count() == events


LOST = [
    ("drop_before", {}),
    ("apply_then_drop", {}),
    ("apply_then_5xx", {}),
    ("http_status", {"status": 503, "applied": False}),
    ("http_status", {"status": 503, "applied": True}),
    ("html", {"applied": True}),
    ("html", {"applied": False}),
    ("empty", {"applied": True}),
    ("empty", {"applied": False}),
]


# The suite alternates which leg the fault hits first; CHAOS=1 tries every combination.
LOST_CASES = [
    (kind, args, venue, first)
    for number, (kind, args) in enumerate(LOST)
    for venue in (LONG, SHORT)
    for first in ("long", "short")
    if os.environ.get("CHAOS") or (first == "long") == (number % 2 == 0)
]


@pytest.mark.parametrize(("kind", "args", "venue", "first"), LOST_CASES)
def test_b1_b3_b25_an_answer_that_is_lost_is_never_a_rejection_and_never_sent_again(
    desk: Desk, kind: str, args: dict[str, Any], venue: str, first: str
) -> None:
    desk.simulator.fault(venue, kind, match=on_order(venue), **args)
    result = opened(desk, first=first)
    assert sent_once(desk, result.hedge)
    assert result.hedge.status in ("open", "failed")
    assert desk.net() == 0
    assert desk.flat() == (result.hedge.status == "failed")
    sane(desk)


@pytest.mark.parametrize(
    ("venue", "status", "code"),
    [
        (LONG, 503, -1006),
        (LONG, 408, -1007),
        (LONG, 400, -1001),
        (SHORT, 200, 50004),
        (SHORT, 200, 50026),
        (SHORT, 200, 50013),
    ],
)
@pytest.mark.parametrize("applied", [True, False])
def test_b5_b6_codes_that_prove_nothing_are_unknown(
    desk: Desk, venue: str, status: int, code: int, applied: bool
) -> None:
    desk.simulator.fault(
        venue, "venue_error", match=on_order(venue), status=status, code=code, message="please check", applied=applied
    )
    result = opened(desk)
    order = Order.objects.get(hedge=result.hedge, venue=venue, purpose="entry")
    assert order.status != "rejected"
    assert desk.net() == 0
    sane(desk)


@pytest.mark.parametrize(("venue", "status", "code"), [(SHORT, 200, 51008), (LONG, 400, -2019)])
def test_b16_margin_refused_on_the_second_leg_flattens_or_rehedges(
    desk: Desk, venue: str, status: int, code: int
) -> None:
    first = "long" if venue == SHORT else "short"
    desk.simulator.fault(
        venue, "venue_error", match=on_order(venue), times=3, status=status, code=code, message="margin"
    )
    result = opened(desk, first=first)
    assert result.hedge.status == "failed"
    assert desk.flat()
    assert Order.objects.filter(hedge=result.hedge, purpose="rehedge").count() == 2
    sane(desk)


def test_one_refusal_of_the_second_leg_is_rehedged(desk: Desk) -> None:
    desk.simulator.fault(SHORT, "reject", match=on_order(SHORT))
    result = opened(desk)
    assert result.hedge.status == "open"
    assert desk.net() == 0
    sane(desk)


def test_both_legs_refused_is_nothing(desk: Desk) -> None:
    desk.simulator.fault(LONG, "reject", match=on_order(LONG))
    result = opened(desk)
    assert result.hedge.status == "failed"
    assert not Order.objects.filter(hedge=result.hedge, venue=SHORT).exists()
    sane(desk)


@pytest.mark.parametrize("share", ["0.1", "0.5", "0.9"])
@pytest.mark.parametrize("leg", ["first", "second"])
def test_b12_a_partial_fill_leaves_equal_legs(desk: Desk, share: str, leg: str) -> None:
    venue = LONG if leg == "first" else SHORT
    desk.simulator.fault(venue, "partial", match=on_order(venue), fraction=share)
    result = opened(desk)
    held = legs(Hedge.objects.get(pk=result.hedge.pk))
    assert held["long"] == held["short"]
    assert desk.net() == 0
    sane(desk)


@pytest.mark.parametrize("lag", [0.1, 0.4])
@pytest.mark.parametrize("venue", [LONG, SHORT])
def test_b8_b9_an_order_that_is_seen_late_is_found(desk: Desk, venue: str, lag: float) -> None:
    desk.simulator.fault(venue, "apply_then_drop", match=on_order(venue))
    desk.simulator.fault(venue, "query_lag", times=50, seconds=lag)
    result = opened(desk)
    assert sent_once(desk, result.hedge)
    assert not Order.objects.filter(hedge=result.hedge, status="not_sent").exists()
    assert desk.net() == 0
    sane(desk)


@pytest.mark.parametrize(("venue", "status", "code"), [(LONG, 429, -1003), (SHORT, 200, 50011)])
def test_b10_a_throttled_order_is_asked_for_and_not_sent_again(desk: Desk, venue: str, status: int, code: int) -> None:
    desk.simulator.fault(venue, "venue_error", match=on_order(venue), status=status, code=code, message="too many")
    result = opened(desk, first="long" if venue == LONG else "short")
    assert sent_once(desk, result.hedge)
    assert desk.net() == 0
    sane(desk)


@pytest.mark.parametrize("first", ["long", "short"])
def test_concurrent_legs_survive_one_lost_answer(desk: Desk, first: str, settings: Any) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(LEG_EXECUTION="concurrent")
    venue = LONG if first == "long" else SHORT
    desk.simulator.fault(venue, "drop_before", match=on_order(venue))
    result = opened(desk)
    assert desk.net() == 0
    assert result.hedge.status in ("open", "failed")
    sane(desk)
