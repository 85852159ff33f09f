"""The stream's rough look: it knocks when an edge shows, seldom, and never on what is unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import AsyncMock

import pytest

from trading.quote_edge import EdgeTerms, EdgeTrigger, is_above, rough_edge_bps
from trading.quotes import board
from trading.services.quote_stream import QuoteStream
from trading.venues.base import Quote

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEES = {(venue, "BTCUSDT"): Decimal(5) for venue in ("binance-um", "okx-perp")}
BASES = {("BTCUSDT", "binance-um", "okx-perp"): Decimal(5)}


def quote(venue: str, bid: str, ask: str) -> Quote:
    return Quote(venue, "BTCUSDT", Decimal(bid), Decimal(1), Decimal(ask), Decimal(1), NOW, NOW)


def terms(threshold: str = "0") -> EdgeTerms:
    return EdgeTerms(FEES, BASES, Decimal(threshold))


def test_the_edge_is_spread_less_basis_less_four_fees() -> None:
    long, short = quote("binance-um", "9999", "10000"), quote("okx-perp", "10040", "10041")
    assert rough_edge_bps(long, short, terms()) == 40 - 5 - 20
    assert rough_edge_bps(short, long, terms()) == (Decimal(9999) - 10041) / 10041 * 10000 + 5 - 20


@pytest.mark.parametrize(("threshold", "above"), [("0", True), ("15", True), ("15.1", False)])
def test_it_is_above_when_one_direction_reaches_the_threshold(threshold: str, above: bool) -> None:
    quotes = {"binance-um": quote("binance-um", "9999", "10000"), "okx-perp": quote("okx-perp", "10040", "10041")}
    assert is_above(quotes, terms(threshold)) is above


def test_a_standing_basis_is_no_edge() -> None:
    quotes = {"binance-um": quote("binance-um", "9999", "10000"), "okx-perp": quote("okx-perp", "10005", "10006")}
    assert not is_above(quotes, terms())


def test_an_unknown_fee_or_basis_or_an_empty_side_is_no_edge() -> None:
    long, short = quote("binance-um", "9999", "10000"), quote("okx-perp", "11000", "11001")
    assert rough_edge_bps(long, short, EdgeTerms({}, BASES)) is None
    assert rough_edge_bps(long, short, EdgeTerms(FEES, {})) is None
    assert rough_edge_bps(quote("binance-um", "0", "0"), short, terms()) is None


def test_it_fires_while_the_edge_stands_but_at_most_every_half_second() -> None:
    trigger = EdgeTrigger()
    fired = [trigger.fires(True, second) for second in (0.0, 0.1, 0.49, 0.5, 0.9, 1.0)]
    assert fired == [True, False, False, True, False, True]
    assert not trigger.fires(False, 9.0)


def test_a_frame_that_comes_late_does_not_replace_a_newer_quote() -> None:
    """RELIABILITY B14."""
    stream = QuoteStream(board(), AsyncMock())
    newer, older = quote("okx-perp", "2", "3"), quote("okx-perp", "1", "2")
    stream.on_quote(replace(newer, venue_at=NOW + timedelta(seconds=1)))
    stream.on_quote(older)
    assert stream._latest["BTCUSDT"]["okx-perp"].bid == 2
