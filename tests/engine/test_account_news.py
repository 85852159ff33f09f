"""The accounts' own streams as a source beside REST: resolver and ledger take from them what comes (RELIABILITY S3.5)."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from propbot.clock import utc_now
from risk.models import DeskState
from tests.engine.desk import LONG, SHORT, Desk, wait_until
from tests.trading.rows import hedge_row
from trading.models import Fill, Hedge, Leg, Order
from trading.runtime.account_streams import AccountStreams
from trading.runtime.handle import GIVE_WAY_SECONDS
from trading.services.account_news import news_store
from trading.services.execution import hedge_open
from trading.services.recovery import hedges_settle
from trading.venues.account_feed import TOLD_WITHIN_SECONDS, Expectations
from trading.venues.account_frames import OrderNews
from trading.venues.base import VenueFill, VenueOrder, VenueOrderStatus
from trading.venues.registry import build_account_feed

D = Decimal
PATIENCE_SECONDS = 20.0


@pytest.fixture
def streams(desk: Desk) -> Iterator[AccountStreams]:
    """Both accounts are listened to."""
    found = AccountStreams(desk.runtime)
    found.begin({venue: build_account_feed(venue, found.heard) for venue in (LONG, SHORT)})
    desk.runtime.proved, before = found.expect, desk.runtime.proved
    assert wait_until(lambda: all(feed.state.connected for feed in found.feeds.values()), PATIENCE_SECONDS)
    yield found
    desk.runtime.proved = before
    found.end()


def unproved(quantity: str = "0.006") -> Order:
    """An entry order on the wire whose answer never came; of a hedge that nobody works on."""
    hedge = hedge_row("unresolved", size=quantity)
    Leg.objects.filter(hedge=hedge).update(quantity=0, entered_quantity=0, entry_price=None)
    leg = Leg.objects.get(hedge=hedge, position_side="long")
    return Order.objects.create(
        client_order_id=f"PBtst{hedge.pk.hex[:24]}A01", hedge=hedge, leg=leg, venue=leg.venue, symbol=leg.symbol,
        purpose="entry", side="buy", order_type="limit", time_in_force="ioc", reduce_only=False, simulated=False,
        quantity=D(quantity), limit_price=D(88000), status="unknown", trader_epoch=1, created_at=utc_now(),
        sending_at=utc_now(),
    )  # fmt: skip


def told(order: Order, status: VenueOrderStatus, filled: str, trade: int | None = None) -> OrderNews:
    """What the stream says after an event: the order, and the 0.002 that this event has traded."""
    seen = VenueOrder(
        client_order_id=order.client_order_id, venue_order_id="77", symbol=order.symbol, status=status, side="buy",
        quantity=order.quantity, filled_quantity=D(filled), average_price=D(88000) if D(filled) else None,
        limit_price=D(88000), reduce_only=False, updated_at=utc_now(),
    )  # fmt: skip
    if trade is None:
        return OrderNews(seen)
    fill = VenueFill(
        trade_id=str(trade), venue_order_id="77", client_order_id=order.client_order_id, symbol=order.symbol,
        side="buy", quantity=D("0.002"), price=D(88000), fee_usdt=D("0.088"), is_maker=False, filled_at=utc_now(),
    )  # fmt: skip
    return OrderNews(seen, fill)


def story(order: Order) -> list[OrderNews]:
    """New, three trades, done."""
    return [
        told(order, VenueOrderStatus.OPEN, "0"),
        told(order, VenueOrderStatus.OPEN, "0.002", 1),
        told(order, VenueOrderStatus.OPEN, "0.004", 2),
        told(order, VenueOrderStatus.FILLED, "0.006", 3),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_b14_events_come_twice_and_in_any_order_and_the_books_are_the_same(desk: Desk, seed: int) -> None:
    order, chance = unproved(), random.Random(seed)  # noqa: S311 - a seeded shuffle
    events = story(order) * 2
    chance.shuffle(events)
    for news in events:
        assert news_store(runtime=desk.runtime, venue=order.venue, news=news)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, order.fills_booked) == ("filled", D("0.006"), True)
    assert Leg.objects.get(pk=order.leg_id).quantity == D("0.006")
    assert sorted(Fill.objects.filter(order=order).values_list("trade_id", flat=True)) == ["1", "2", "3"]


def test_b14_a_fill_that_comes_before_its_acknowledgement_is_not_taken_back(desk: Desk) -> None:
    order = unproved()
    new, *_, last = story(order)
    for news in (last, new):
        news_store(runtime=desk.runtime, venue=order.venue, news=news)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("filled", D("0.006"))


def test_a_trade_that_the_stream_has_missed_is_booked_by_the_sweep(desk: Desk) -> None:
    """The order says more than the trades that came: it stays open in the ledger, for REST to complete."""
    order = unproved()
    first, second = story(order)[1], story(order)[3]
    for news in (first, second):
        news_store(runtime=desk.runtime, venue=order.venue, news=news)
    order.refresh_from_db()
    assert (order.filled_quantity, order.fills_booked) == (D("0.006"), False)


def test_what_somebody_works_on_waits_and_nobody_elses_order_is_touched(desk: Desk) -> None:
    order = unproved()
    news = story(order)[-1]
    with desk.runtime.hedge_lock(order.hedge_id):
        assert not news_store(runtime=desk.runtime, venue=order.venue, news=news)
    stranger = replace(news, order=replace(news.order, client_order_id="web_12345"), fill=None)
    assert news_store(runtime=desk.runtime, venue=order.venue, news=stranger)
    assert news_store(runtime=desk.runtime, venue=SHORT, news=news)
    order.refresh_from_db()
    assert order.status == "unknown"


def on_order(venue: str) -> dict[str, Any]:
    return {"method": "POST", "path": "/order" if venue == LONG else "/batch-orders"}


@pytest.mark.parametrize("venue", [LONG, SHORT])
def test_an_order_that_rest_cannot_find_is_proved_by_the_stream(
    desk: Desk, streams: AccountStreams, venue: str
) -> None:
    """The answer is lost and every query lags by minutes (B9): the stream has told it long before. Sent once."""
    desk.simulator.fault(venue, "query_lag", match={"method": "GET"}, times=1000, seconds=600)
    desk.simulator.fault(venue, "apply_then_drop", match=on_order(venue))
    hedge_open(plan=desk.plan("ETHUSDT", first="long" if venue == LONG else "short"), attempt=None)
    order = Order.objects.get(venue=venue, purpose="entry", attempt=1)

    def proved() -> bool:
        streams.step()
        order.refresh_from_db()
        return bool(order.status == "filled")

    assert wait_until(proved, PATIENCE_SECONDS)
    assert order.filled_quantity == order.quantity
    assert Fill.objects.filter(order=order).exists()
    assert [one["client_order_id"] for one in desk.simulator.accepted()].count(order.client_order_id) == 1
    hedges_settle(runtime=desk.runtime)
    assert Hedge.objects.get().status in ("open", "failed", "unresolved")


@pytest.mark.parametrize("venue", [LONG, SHORT])
def test_b15_a_mute_stream_holds_the_desk_while_rest_goes_on(desk: Desk, streams: AccountStreams, venue: str) -> None:
    later = [0.0]
    streams.feeds[venue].expectations = Expectations(lambda: later[0])
    desk.simulator.fault(venue, "mute_stream", seconds=60)
    hedge_open(plan=desk.plan("ETHUSDT"), attempt=None)
    assert Hedge.objects.get().status == "open"
    later[0] = TOLD_WITHIN_SECONDS + 1

    def held() -> bool:
        streams.step()
        return DeskState.objects.get().hold_active

    assert wait_until(held, PATIENCE_SECONDS)
    assert DeskState.objects.get().hold_source == "user_stream"
    assert venue in DeskState.objects.get().hold_reason


def test_streams_that_tell_hold_nobody(desk: Desk, streams: AccountStreams) -> None:
    hedge_open(plan=desk.plan("ETHUSDT"), attempt=None)
    assert wait_until(lambda: not streams.feeds[LONG].expectations._since, PATIENCE_SECONDS)
    streams.step()
    assert not DeskState.objects.get().hold_active


def test_who_only_watches_gives_way_to_an_entry_and_not_for_long(desk: Desk) -> None:
    runtime, passed = desk.runtime, threading.Event()

    def watch() -> None:
        runtime.give_way()
        passed.set()

    with runtime.hurry():
        started = time.monotonic()
        thread = threading.Thread(target=watch)
        thread.start()
        assert passed.wait(PATIENCE_SECONDS)
        assert time.monotonic() - started >= GIVE_WAY_SECONDS * 0.9
    thread.join()
    passed.clear()
    watch()
    assert passed.is_set()
