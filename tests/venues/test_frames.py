"""Frames of both venues, as captured and as broken, become quotes, marks and funding or nothing at all."""

import copy
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.server import SHARED, WITHOUT_SHARED
from trading.venues.base import FundingInfo, InstrumentInfo, Mark, Quote
from trading.venues.dialect import Listing, Listings
from trading.venues.frames import read_binance, read_okx, read_unified
from trading.venues.parsing import FieldError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED = SHARED / "data" / "raw_ws" / "binance_usdm_20240808_BTCUSDT_first120s.jsonl.gz"
FUNDING = SHARED / "data" / "raw_ws" / "okx_20251027_okx_perpetual_funding_rate.jsonl"
BOOK_TICKER = {
    "e": "bookTicker",
    "u": 400900217,
    "s": "BTCUSDT",
    "b": "88000.1",
    "B": "31.21",
    "a": "88000.2",
    "A": "40.66",
    "T": 1767225600000,
    "E": 1767225600001,
}
MARK_PRICE = {
    "e": "markPriceUpdate",
    "E": 1767225600000,
    "s": "BTCUSDT",
    "p": "88001.5",
    "i": "88009.9",
    "P": "88000",
    "r": "0.0001",
    "T": 1767254400000,
}
BBO = {
    "arg": {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"},
    "data": [
        {
            "asks": [["88050.2", "7", "0", "1"]],
            "bids": [["88050.1", "250", "0", "3"]],
            "ts": "1767225600000",
            "seqId": 5,
        }
    ],
}


def listings(venue: str, venue_symbol: str, contract_size: str) -> Listings:
    size = Decimal(contract_size)
    info = InstrumentInfo("BTCUSDT", venue_symbol, True, Decimal("0.1"), size, size, None, None, size, None)
    found = Listings(venue)
    found.replace([Listing(info, "BTC/USDT:USDT")])
    return found


BINANCE = listings("binance-um", "BTCUSDT", "1")
OKX = listings("okx-perp", "BTC-USDT-SWAP", "0.01")


def test_a_book_ticker_is_a_quote_with_both_times() -> None:
    (quote,) = read_binance(BOOK_TICKER, BINANCE, NOW)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask_quantity, quote.received_at) == (Decimal("88000.1"), Decimal("40.66"), NOW)
    assert quote.venue_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_plain_and_combined_frames_say_the_same() -> None:
    combined = {"stream": "btcusdt@bookTicker", "data": BOOK_TICKER}
    unnamed = {name: value for name, value in BOOK_TICKER.items() if name != "e"}
    assert read_binance(combined, BINANCE, NOW) == read_binance(BOOK_TICKER, BINANCE, NOW)
    assert read_binance(unnamed, BINANCE, NOW) == read_binance(BOOK_TICKER, BINANCE, NOW)


def test_mark_index_and_last_are_never_confused() -> None:
    mark, funding = read_binance(MARK_PRICE, BINANCE, NOW)
    assert isinstance(mark, Mark)
    assert mark.mark_price == Decimal("88001.5")
    assert isinstance(funding, FundingInfo)
    assert (funding.rate, funding.next_at) == (Decimal("0.0001"), datetime(2026, 1, 1, 8, tzinfo=UTC))


def test_okx_sizes_are_contracts_and_become_base_units() -> None:
    (quote,) = read_okx(BBO, OKX, NOW)
    assert isinstance(quote, Quote)
    assert (quote.bid_quantity, quote.ask_quantity) == (Decimal("2.50"), Decimal("0.07"))


def test_an_empty_side_replaces_the_old_quote_by_one_that_the_judge_refuses() -> None:
    frame = copy.deepcopy(BBO)
    frame["data"][0]["bids"] = []  # type: ignore[index]
    (quote,) = read_okx(frame, OKX, NOW)
    assert isinstance(quote, Quote)
    assert quote.bid == 0


def test_other_frames_and_other_instruments_are_nothing_of_ours() -> None:
    for frame in (
        {"result": None, "id": 1},
        {"event": "subscribe", "arg": {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"}},
        BOOK_TICKER | {"s": "1000PEPEUSDT"},
        [],
        "pong",
        None,
    ):
        assert list(read_binance(frame, BINANCE, NOW)) == []
        assert list(read_okx(frame, OKX, NOW)) == []


def mutations(frame: dict[str, Any], fields: list[str]) -> Iterator[dict[str, Any]]:
    for name in fields:
        for value in (1.5, True, [], {}, "NaN", "1e400", "x", {"v": "1"}):
            yield frame | {name: value}


def test_a_field_of_another_type_is_an_error_and_never_a_price() -> None:
    for frame in mutations(BOOK_TICKER, ["b", "B", "a", "A"]):
        with pytest.raises(FieldError):
            read_binance(frame, BINANCE, NOW)
    for row in mutations(BBO["data"][0], ["asks", "bids"]):  # type: ignore[arg-type,index]
        if row["asks"] != [] and row["bids"] != []:
            with pytest.raises((FieldError, TypeError, IndexError)):
                read_okx(BBO | {"data": [row]}, OKX, NOW)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(st.sampled_from(["arg", "data", "s", "e", "stream"]), inner) | st.lists(inner),
    )
)
def test_no_frame_breaks_the_reader(frame: object) -> None:
    for read, table in ((read_binance, BINANCE), (read_okx, OKX)):
        try:
            read(frame, table, NOW)
        except FieldError:
            continue


def test_a_venue_without_a_dialect_is_read_from_ccxt_tickers() -> None:
    ticker = {"bid": "1.1", "bidVolume": "2", "ask": "1.2", "askVolume": "3", "timestamp": 1767225600000}
    (quote,) = read_unified({"BTC/USDT:USDT": ticker, "ETH/USDT:USDT": ticker}, OKX, NOW)
    assert isinstance(quote, Quote)
    assert quote.bid_quantity == Decimal("0.02")


@pytest.mark.skipif(not RECORDED.exists(), reason=WITHOUT_SHARED)
def test_two_minutes_of_a_real_stream_are_read_without_a_defect() -> None:
    quotes = 0
    with gzip.open(RECORDED, "rt") as lines:
        for line in lines:
            for news in read_binance(json.loads(json.loads(line)["msg"]), BINANCE, NOW):
                assert isinstance(news, Quote)
                assert 0 < news.bid < news.ask
                quotes += 1
    assert quotes > 1000


@pytest.mark.skipif(not FUNDING.exists(), reason=WITHOUT_SHARED)
def test_a_real_funding_frame_tells_rate_time_and_interval() -> None:
    found = [json.loads(line) for line in FUNDING.read_text().splitlines()]
    names = {frame["arg"]["instId"] for frame in found if "data" in frame}
    news = [
        one for frame in found for name in names for one in read_okx(frame, listings("okx-perp", name, "0.01"), NOW)
    ]
    assert news
    assert all(isinstance(one, FundingInfo) and one.interval_hours in {1, 2, 4, 8} for one in news)
