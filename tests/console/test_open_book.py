"""The open book that value at risk is computed from: summed in the database, the same however many hedges are open."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.console.hedges import make_hedge, make_hedges
from trading.choices import HedgeStatus
from trading.models import Instrument, Leg
from trading.services.book import open_book

pytestmark = pytest.mark.django_db
D = Decimal
# What is held, the rates, and the history of one pair's basis.
QUERIES_OF_ONE_PAIR = 3


def rate(venue: str, funding_rate: str, hours: int) -> None:
    Instrument.objects.update_or_create(
        venue=venue,
        symbol="BTCUSDT",
        defaults={
            "venue_symbol": "BTC",
            "tick_size": D("0.1"),
            "lot_size": D("0.001"),
            "contract_size": D(1),
            "active": True,
            "min_quantity": D("0.001"),
            "funding_rate": D(funding_rate),
            "funding_interval_hours": D(hours),
            "refreshed_at": datetime.now(UTC),
        },
    )


def test_hedges_of_both_directions_are_one_line_at_their_larger_legs() -> None:
    make_hedges(2)
    make_hedge(long_venue="okx-perp", short_venue="binance-um")
    make_hedge(simulated=True)
    make_hedge(status=HedgeStatus.CLOSED)
    make_hedge(symbol="ETHUSDT")
    first, second = open_book(datetime.now(UTC))
    assert (first.symbol, first.venues) == ("BTCUSDT", ("binance-um", "okx-perp"))
    assert first.notional_usdt == 3 * D(901)
    assert first.net_base_usdt == 0
    assert (second.symbol, second.notional_usdt) == ("ETHUSDT", D(901))


def test_what_is_not_matched_is_the_net_of_the_line_at_entry_prices() -> None:
    hedge = make_hedge()
    Leg.objects.filter(hedge=hedge, position_side="short").update(quantity=D("0.004"), exited_quantity=D("0.006"))
    other = make_hedge()
    Leg.objects.filter(hedge=other, position_side="long").update(quantity=D(0), exited_quantity=D("0.01"))
    (line,) = open_book(datetime.now(UTC))
    assert line.net_base_usdt == D("0.006") * 90_000 - D("0.01") * 90_100
    assert line.notional_usdt == D("0.01") * 90_000 + D("0.01") * 90_100


def test_funding_is_known_only_when_every_rate_is() -> None:
    make_hedges(2)
    make_hedge(long_venue="okx-perp", short_venue="binance-um")
    rate("binance-um", "0.0001", 8)
    assert open_book(datetime.now(UTC))[0].funding_usdt_per_day is None
    rate("okx-perp", "0.0002", 4)
    per_day = D("0.0012") - D("0.0003")
    assert open_book(datetime.now(UTC))[0].funding_usdt_per_day == D(901) * per_day * (2 - 1)


def test_the_number_of_queries_does_not_grow_with_the_hedges() -> None:
    make_hedges(2)
    with CaptureQueriesContext(connection) as few:
        open_book(datetime.now(UTC))
    make_hedges(6)
    with CaptureQueriesContext(connection) as many:
        open_book(datetime.now(UTC))
    assert len(few) == len(many) == QUERIES_OF_ONE_PAIR


def test_a_held_leg_that_its_venue_has_not_priced_yet_is_not_worth_nothing() -> None:
    hedge = make_hedge()
    Leg.objects.filter(hedge=hedge, position_side="short").update(
        quantity=D(0), exited_quantity=D("0.01"), entry_price=None
    )
    Leg.objects.filter(hedge=hedge, position_side="long").update(entry_price=None)
    planned = hedge.notional_usdt / hedge.planned_quantity
    (line,) = open_book(datetime.now(UTC))
    assert line.notional_usdt == line.net_base_usdt == D("0.01") * planned
    Leg.objects.filter(hedge=hedge, position_side="short").update(
        quantity=D("0.01"), exited_quantity=D(0), entry_price=D(90_100)
    )
    (line,) = open_book(datetime.now(UTC))
    assert line.notional_usdt == D(901)
