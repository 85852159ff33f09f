"""The accounts' own streams against the simulator's: what they tell of an order, and what becomes of their silence."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from tests.venues.orders import order
from tests.venues.simulator import Simulator
from trading.venues.account_feed import TOLD_WITHIN_SECONDS, AccountFeed, Expectations
from trading.venues.account_frames import OrderNews, read_binance, read_okx
from trading.venues.base import VenueOrderStatus
from trading.venues.ccxt_client import CcxtClient
from trading.venues.dialect import Dialect, Listings
from trading.venues.parsing import FieldError
from trading.venues.registry import build_account_feed

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.02
NO_LISTINGS = Listings("binance-um")
NO_DIALECT = cast(Dialect, None)  # frames that are no order's ask it nothing


class Listening:
    """One feed with what it has told, and a clock that a test may move."""

    def __init__(self, venue: str) -> None:
        self.told: list[OrderNews] = []
        self.later = 0.0
        self.feed: AccountFeed = build_account_feed(venue, lambda _, news: self.told.append(news))
        self.feed.expectations = Expectations(lambda: self.later)

    def of(self, client_order_id: str) -> list[OrderNews]:
        return [news for news in self.told if news.order.client_order_id == client_order_id]

    async def until(self, found: Callable[[], object]) -> None:
        for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
            if found():
                return
            await asyncio.sleep(POLL_SECONDS)
        raise TimeoutError


@pytest.fixture
async def listening(client: CcxtClient) -> AsyncIterator[Listening]:
    found = Listening(client.venue)
    running = asyncio.create_task(found.feed.run())
    await found.until(lambda: found.feed.state.connected)
    yield found
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await leave_flat(client)


async def leave_flat(client: CcxtClient) -> None:
    """The accounts of this folder serve every test of it."""
    for held in await client.fetch_positions():
        side = "sell" if held.quantity > 0 else "buy"
        await client.submit(
            order(
                symbol=held.symbol,
                side=side,
                order_type="market",
                time_in_force="",
                limit_price=None,
                reduce_only=True,
                quantity=abs(held.quantity),
            )
        )


def ended(listening: Listening, name: str) -> bool:
    return any(news.order.status == VenueOrderStatus.FILLED for news in listening.of(name))


async def test_an_order_is_told_with_its_trades_as_the_venues_list_has_them(
    client: CcxtClient, listening: Listening
) -> None:
    request, started = order(), datetime.now(UTC) - timedelta(seconds=1)
    await client.submit(request)
    await listening.until(lambda: ended(listening, request.client_order_id))
    told = listening.of(request.client_order_id)
    assert told[-1].order.filled_quantity == Decimal("0.002")
    assert told[-1].order.average_price is not None
    listed = {one.trade_id: one for one in await client.fetch_fills("BTCUSDT", started)}
    fills = [news.fill for news in told if news.fill is not None]
    assert sum(fill.quantity for fill in fills) == Decimal("0.002")
    for fill in fills:
        same = listed[fill.trade_id]
        assert (fill.quantity, fill.price, fill.fee_usdt) == (same.quantity, same.price, same.fee_usdt)
        assert (fill.side, fill.is_maker, fill.client_order_id) == (same.side, same.is_maker, request.client_order_id)


async def test_an_order_whose_answer_was_lost_is_told_all_the_same(
    client: CcxtClient, listening: Listening, simulator: Simulator
) -> None:
    request = order()
    simulator.fault(client.venue, "apply_then_drop", "order", method="POST")
    await client.submit(request)
    await listening.until(lambda: ended(listening, request.client_order_id))
    assert len(simulator.accepted(request.client_order_id)) == 1


async def test_b15_a_stream_that_is_open_and_quiet_about_a_proved_order_ends_and_says_so(
    client: CcxtClient, listening: Listening, simulator: Simulator
) -> None:
    """The socket stays open: only what REST has proved shows that nothing comes."""
    simulator.fault(client.venue, "mute_stream", seconds=60)
    request = order()
    await client.submit(request)
    listening.feed.expect(request.client_order_id)
    listening.later = TOLD_WITHIN_SECONDS + 1
    await listening.until(lambda: listening.feed.state.silent)
    assert listening.feed.state.silent_about == (request.client_order_id,)
    assert listening.feed.state.gaps == 1
    simulator.clear_faults()
    await listening.until(lambda: listening.feed.state.connected)


async def test_a_stream_beside_a_held_position_leaves_no_error_behind_that_nobody_reads(
    client: CcxtClient, simulator: Simulator
) -> None:
    """ccxt.pro would read Binance's positions beside the stream, in its own parser, and fail where nobody waits."""
    await client.submit(order())
    lost: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    listening = Listening(client.venue)
    running = asyncio.create_task(listening.feed.run())
    await listening.until(lambda: listening.feed.state.connected)
    request = order()
    await client.submit(request)
    await listening.until(lambda: ended(listening, request.client_order_id))
    simulator.fault(client.venue, "close_stream")
    await listening.until(lambda: listening.feed.state.gaps)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    gc.collect()
    await asyncio.sleep(0)
    await leave_flat(client)
    assert lost == []


async def test_what_was_told_before_its_answer_came_is_not_waited_for(client: CcxtClient, listening: Listening) -> None:
    request = order()
    await client.submit(request)
    await listening.until(lambda: ended(listening, request.client_order_id))
    listening.feed.expect(request.client_order_id)
    listening.later = TOLD_WITHIN_SECONDS + 1
    assert listening.feed.expectations.overdue() == []


def test_a_stream_that_has_broken_owes_nothing() -> None:
    moment = [0.0]
    expectations = Expectations(lambda: moment[0])
    expectations.expect("PBone")
    moment[0] = TOLD_WITHIN_SECONDS + 1
    assert expectations.overdue() == ["PBone"]
    expectations.forget()
    assert expectations.overdue() == []


@pytest.mark.parametrize(
    "message", [None, [], "pong", {}, {"e": "ACCOUNT_UPDATE"}, {"event": "login"}, {"arg": {"channel": "account"}}]
)
def test_other_frames_are_nothing_of_ours(message: object) -> None:
    assert read_binance(message, NO_DIALECT, NO_LISTINGS) == ()
    assert read_okx(message, NO_DIALECT, NO_LISTINGS) == ()


@pytest.mark.parametrize("told", [None, 7, "x"])
def test_an_order_frame_that_cannot_be_read_is_an_error_and_never_an_order(told: object) -> None:
    with pytest.raises(FieldError):
        read_binance({"e": "ORDER_TRADE_UPDATE", "o": told}, NO_DIALECT, NO_LISTINGS)
    with pytest.raises(FieldError):
        read_okx({"arg": {"channel": "orders"}, "data": told}, NO_DIALECT, NO_LISTINGS)
