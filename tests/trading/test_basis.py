"""The standing basis: a median that a dislocation cannot pull, and no basis before there is one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import basis
from trading.basis import BasisEstimate

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def estimate(median: str, samples: int = 60, seconds: int = 600) -> BasisEstimate:
    return BasisEstimate(D(median), samples, NOW - timedelta(seconds=seconds), NOW)


PEERS = [estimate("4.8", 20, 20), estimate("5.4", 20, 20)]


def test_the_basis_is_how_far_the_second_venue_stands_above_the_first() -> None:
    assert basis.basis_bps(D(10000), D(10005)) == D(5)


def test_the_basis_turns_its_sign_with_the_order_of_the_venues() -> None:
    assert basis.signed_for(D(5), long_venue="binance-um", short_venue="okx-perp") == D(5)
    assert basis.signed_for(D(5), long_venue="okx-perp", short_venue="binance-um") == D(-5)


def test_a_dislocation_of_a_third_of_the_samples_does_not_move_the_median() -> None:
    samples = [D(5)] * 40 + [D(60)] * 20
    assert basis.median(samples) == D(5)


def test_a_symbol_without_samples_has_no_basis() -> None:
    assert basis.standing_basis(None, PEERS) is None


@pytest.mark.parametrize(
    ("one", "peers", "expected"),
    [
        pytest.param(estimate("5", 9, 600), [], None, id="too few samples"),
        pytest.param(estimate("5", 10, 9), PEERS, D(5), id="young and like its peers"),
        pytest.param(estimate("55", 10, 9), PEERS, None, id="young and unlike its peers: it began in a dislocation"),
        pytest.param(estimate("5", 30, 59), [], None, id="young without peers"),
        pytest.param(estimate("5", 30, 60), [], D(5), id="outlasted a dislocation without peers"),
        pytest.param(estimate("55", 300, 300), PEERS, D(55), id="mature: it speaks for itself"),
    ],
)
def test_a_young_history_must_agree_with_its_peers(
    one: BasisEstimate, peers: list[BasisEstimate], expected: Decimal | None
) -> None:
    assert basis.standing_basis(one, peers) == expected


def test_the_table_holds_only_pairs_with_a_basis_to_trade_against() -> None:
    pair = ("binance-um", "okx-perp")
    table = basis.standing_table(
        {
            ("BTCUSDT", *pair): estimate("5", 12, 12),
            ("ETHUSDT", *pair): estimate("52", 12, 12),
            ("SOLUSDT", *pair): estimate("5.5", 12, 12),
            ("XRPUSDT", *pair): estimate("5.1", 12, 12),
        }
    )
    assert {symbol for symbol, *_ in table} == {"BTCUSDT", "SOLUSDT", "XRPUSDT"}


def test_all_quotes_of_a_slot_fall_on_its_start() -> None:
    at = NOW + timedelta(seconds=17, microseconds=5)
    assert basis.slot_start(at, 10) == NOW + timedelta(seconds=10)


@given(st.lists(st.decimals(min_value=-100, max_value=100, places=3), min_size=1, max_size=99))
def test_the_median_is_a_value_with_half_on_each_side(values: list[Decimal]) -> None:
    middle = basis.median(values)
    assert middle in values
    assert sum(value < middle for value in values) <= len(values) / 2
    assert sum(value > middle for value in values) <= len(values) / 2
