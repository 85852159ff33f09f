"""The quote board: exact values, both times, any process, and no emptiness where Redis is down."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from trading.quotes import PREFIX, BoardUnavailableError, QuoteBoard, VenueStream, _connection, board
from trading.venues.base import FundingInfo, Mark, Quote

NOW = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def clean_board(redis_client: redis.Redis) -> QuoteBoard:
    redis_client.flushdb()
    return board()


def quote(symbol: str = "BTCUSDT", bid: str = "88000.1") -> Quote:
    return Quote("binance-um", symbol, Decimal(bid), Decimal("0.001"), Decimal("88000.2"), Decimal("1E-8"), NOW, NOW)


def test_what_is_put_is_read_exactly(clean_board: QuoteBoard) -> None:
    clean_board.put([quote()])
    assert clean_board.quotes() == {("binance-um", "BTCUSDT"): quote()}
    assert clean_board.quotes(["BTCUSDT", "ETHUSDT"]) == {("binance-um", "BTCUSDT"): quote()}
    assert clean_board.quotes([]) == {}


@given(price=st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=0, max_value=10**15))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_no_digit_is_lost(clean_board: QuoteBoard, price: Decimal) -> None:
    clean_board.put([quote(bid=str(price))])
    assert clean_board.quotes()["binance-um", "BTCUSDT"].bid == price


def test_a_later_put_replaces_and_a_forgotten_symbol_is_gone(clean_board: QuoteBoard) -> None:
    clean_board.put([quote(bid="1"), quote("ETHUSDT")])
    clean_board.put([quote(bid="2")])
    assert clean_board.quotes()["binance-um", "BTCUSDT"].bid == 2
    clean_board.forget("binance-um", ["BTCUSDT"])
    assert set(clean_board.quotes()) == {("binance-um", "ETHUSDT")}


def test_marks_and_funding_are_kept_apart_from_quotes(clean_board: QuoteBoard) -> None:
    mark = Mark("okx-perp", "BTCUSDT", Decimal("88001.5"), None, NOW)
    funding = FundingInfo("BTCUSDT", Decimal("0.0001"), NOW, None)
    clean_board.put_marks([mark])
    clean_board.put_funding("okx-perp", [funding])
    assert clean_board.marks() == {("okx-perp", "BTCUSDT"): mark}
    assert clean_board.funding() == {("okx-perp", "BTCUSDT"): funding}
    assert clean_board.quotes() == {}


def test_a_broken_entry_is_absent_and_harms_no_other(clean_board: QuoteBoard, redis_client: redis.Redis) -> None:
    clean_board.put([quote(), quote("ETHUSDT")])
    redis_client.hset(f"{PREFIX}:quotes:binance-um", "BTCUSDT", '{"bid": "x"}')
    assert set(clean_board.quotes()) == {("binance-um", "ETHUSDT")}


def test_refusals_are_counted_by_venue_symbol_and_reason(clean_board: QuoteBoard) -> None:
    clean_board.count_refusals([("okx-perp", "BTCUSDT", "stale"), ("okx-perp", "BTCUSDT", "stale")])
    clean_board.count_refusals([("binance-um", "BTCUSDT", "crossed")])
    assert clean_board.refusals() == {
        ("okx-perp", "BTCUSDT", "stale"): 2,
        ("binance-um", "BTCUSDT", "crossed"): 1,
    }


def test_the_streams_state_tells_gaps_and_a_heartbeat(clean_board: QuoteBoard) -> None:
    assert clean_board.stream_state().heartbeat_at is None
    clean_board.put_stream_state(NOW, {"okx-perp": VenueStream(True, NOW, 3, 4, "")})
    state = clean_board.stream_state()
    assert state.is_alive(NOW)
    assert not state.is_alive(datetime(2026, 1, 1, 0, 1, tzinfo=UTC))
    assert state.venues["okx-perp"] == VenueStream(True, NOW, 3, 4, "")
    assert clean_board.gaps == {"okx-perp": 4}


def test_without_redis_the_board_is_unknown_and_not_empty() -> None:
    dead = QuoteBoard(_connection("redis://127.0.0.1:9/0"))
    for call in (dead.quotes, dead.marks, dead.stream_state, dead.refusals, lambda: dead.put([quote()])):
        with pytest.raises(BoardUnavailableError):
            call()
