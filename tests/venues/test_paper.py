"""PropBot's own broker fills at what is quoted, up to the sizes quoted, and never invents a price."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.orders import order
from trading.venues.base import Book, InstrumentInfo, OutcomeKind, Quote, VenueError, VenueOrderStatus
from trading.venues.paper import PaperBroker, PaperMarket, walk

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INSTRUMENT = InstrumentInfo(
    symbol="BTCUSDT",
    venue_symbol="BTCUSDT",
    active=True,
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    max_quantity=None,
    min_notional_usdt=Decimal(100),
    contract_size=Decimal(1),
    max_leverage=None,
)
QUOTE = Quote("binance-um", "BTCUSDT", Decimal(88000), Decimal("0.5"), Decimal("88000.1"), Decimal("0.004"), NOW, NOW)
BOOK = Book(
    venue="binance-um",
    symbol="BTCUSDT",
    bids=((Decimal(88000), Decimal("0.001")), (Decimal(87999), Decimal(1))),
    asks=((Decimal("88000.1"), Decimal("0.001")), (Decimal(88010), Decimal("0.001")), (Decimal(88100), Decimal(5))),
    venue_at=NOW,
    received_at=NOW,
)


class Source:
    def __init__(self, view: Quote | Book | None) -> None:
        self.market = PaperMarket(view, INSTRUMENT, Decimal(5), Decimal(2))

    async def __call__(self, symbol: str) -> PaperMarket:
        return self.market


def broker(source: Source) -> PaperBroker:
    return PaperBroker("binance-um", source, max_age_ms=2000, clock=lambda: NOW)


async def test_an_ioc_order_fills_at_the_touch_and_pays_the_taker_fee() -> None:
    paper = broker(Source(QUOTE))
    request = order(quantity=Decimal("0.002"))
    outcome = await paper.submit(request)
    assert outcome.order is not None
    assert (outcome.order.status, outcome.order.average_price) == (VenueOrderStatus.FILLED, Decimal("88000.1"))
    (fill,) = await paper.fetch_fills("BTCUSDT", NOW)
    assert fill.fee_usdt == Decimal("0.002") * Decimal("88000.1") * 5 / 10000
    assert not fill.is_maker


async def test_more_than_the_touch_holds_stays_unfilled() -> None:
    outcome = await broker(Source(QUOTE)).submit(order(quantity=Decimal("0.010")))
    assert outcome.order is not None
    assert (outcome.order.status, outcome.order.filled_quantity) == (VenueOrderStatus.EXPIRED, Decimal("0.004"))


async def test_a_book_is_walked_level_by_level() -> None:
    outcome = await broker(Source(BOOK)).submit(order(quantity=Decimal("0.003"), order_type="market", limit_price=None))
    assert outcome.order is not None
    cost = Decimal("88000.1") * Decimal("0.001") + Decimal(88010) * Decimal("0.001") + Decimal(88100) * Decimal("0.001")
    assert outcome.order.average_price == cost / Decimal("0.003")


async def test_a_limit_stops_the_walk() -> None:
    outcome = await broker(Source(BOOK)).submit(order(quantity=Decimal("0.003"), limit_price=Decimal(88010)))
    assert outcome.order is not None
    assert outcome.order.filled_quantity == Decimal("0.002")


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (None, "no_quote"),
        (replace(QUOTE, received_at=NOW - timedelta(seconds=3)), "stale_quote"),
        (replace(QUOTE, venue_at=NOW - timedelta(seconds=3)), "stale_quote"),
        (replace(QUOTE, bid=Decimal(0)), "stale_quote"),
        (replace(BOOK, bids=()), "stale_quote"),
    ],
)
async def test_without_a_fresh_quote_it_rejects(view: Quote | Book | None, code: str) -> None:
    outcome = await broker(Source(view)).submit(order())
    assert (outcome.kind, outcome.code) == (OutcomeKind.REJECTED, code)


@pytest.mark.parametrize("quantity", ["0.0005", "0.0015", "0", "0.001"])
async def test_what_the_venue_would_refuse_it_refuses(quantity: str) -> None:
    outcome = await broker(Source(QUOTE)).submit(order(quantity=Decimal(quantity)))
    assert (outcome.kind, outcome.code) == (OutcomeKind.REJECTED, "below_minimum")


async def test_a_reduction_may_be_below_the_minimum_notional() -> None:
    outcome = await broker(Source(QUOTE)).submit(order(quantity=Decimal("0.001"), reduce_only=True))
    assert outcome.kind == OutcomeKind.ACCEPTED


async def test_the_same_client_id_is_one_order() -> None:
    paper, request = broker(Source(QUOTE)), order()
    await paper.submit(request)
    assert (await paper.submit(request)).kind == OutcomeKind.EXISTS


async def test_the_same_order_has_the_same_id_in_every_run() -> None:
    request = order()
    first, second = [await broker(Source(QUOTE)).submit(request) for _ in range(2)]
    assert first.venue_order_id == second.venue_order_id


async def test_a_resting_order_fills_as_maker_when_the_market_comes() -> None:
    source = Source(QUOTE)
    paper = broker(source)
    request = order(time_in_force="post_only", limit_price=Decimal("87990"))
    placed = await paper.submit(request)
    assert placed.order is not None
    assert placed.order.status == VenueOrderStatus.OPEN
    cheaper = replace(QUOTE, bid=Decimal(87980), ask=Decimal(87985), ask_quantity=Decimal(1))
    source.market = replace(source.market, view=cheaper)
    found = await paper.fetch_order("BTCUSDT", request.client_order_id)
    assert found is not None
    assert (found.status, found.average_price) == (VenueOrderStatus.FILLED, Decimal(87990))
    (fill,) = await paper.fetch_fills("BTCUSDT", NOW)
    assert fill.is_maker


async def test_a_post_only_order_that_would_take_is_rejected() -> None:
    outcome = await broker(Source(QUOTE)).submit(order(time_in_force="post_only"))
    assert (outcome.kind, outcome.code) == (OutcomeKind.REJECTED, "would_take")


async def test_a_canceled_order_stays_canceled() -> None:
    paper, request = broker(Source(QUOTE)), order(time_in_force="gtc", limit_price=Decimal(80000))
    await paper.submit(request)
    assert (await paper.cancel("BTCUSDT", request.client_order_id)).kind == OutcomeKind.ACCEPTED
    assert (await paper.cancel("BTCUSDT", request.client_order_id)).kind == OutcomeKind.REJECTED
    assert await paper.fetch_open_orders() == []


async def test_it_has_no_account_and_says_so() -> None:
    with pytest.raises(VenueError):
        await broker(Source(QUOTE)).fetch_positions()


SIZES = st.decimals(min_value="0.001", max_value="5", places=3)


@given(st.lists(SIZES, min_size=1, max_size=6), SIZES)
def test_a_walk_never_takes_more_than_is_shown_or_wanted(sizes: list[Decimal], wanted: Decimal) -> None:
    levels = [(Decimal(100 + place), size) for place, size in enumerate(sizes)]
    match = walk(levels, "buy", wanted, None)
    assert match.quantity == min(wanted, sum(sizes))
    assert match.average_price is not None
    assert 100 <= match.average_price <= 100 + len(sizes)
