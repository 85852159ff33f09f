"""Spread, costs and net edge: tables and properties."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import spread
from trading.spread import Costs, FundingTerms, Touch

D = Decimal
NOW = datetime(2026, 1, 1, 7, 30, tzinfo=UTC)
prices = st.decimals(min_value="0.01", max_value="100000", places=2)
sizes = st.decimals(min_value="0.001", max_value="1000", places=3)


def touch(venue: str, bid: str, ask: str, size: str = "10") -> Touch:
    return Touch(venue, ((D(bid), D(size)),), ((D(ask), D(size)),))


def costs(**changes: Decimal | None) -> Costs:
    known: dict[str, Decimal | None] = {
        "standing_basis_bps": D(5),
        "entry_fees_bps": D(10),
        "exit_fees_bps": D(10),
        "slippage_bps": D(1),
        "funding_bps": D(0),
    }
    return Costs(**{**known, **changes})


def test_the_spread_is_the_short_bid_less_the_long_ask_in_bps_of_the_ask() -> None:
    found = spread.gross_spread(long=touch("a", "99.9", "100"), short=touch("b", "100.5", "100.6"))
    assert (found.spread, found.spread_bps) == (D("0.5"), D(50))


def test_every_cost_is_taken_off_the_spread() -> None:
    assert spread.net_edge_bps(D(50), costs()) == D(24)


@pytest.mark.parametrize("part", list(Costs.__slots__))
def test_an_unknown_part_leaves_no_net_edge_and_is_named(part: str) -> None:
    lacking = costs(**{part: None})
    assert spread.net_edge_bps(D(50), lacking) is None
    assert lacking.unknown() == [part]


def test_walking_the_book_costs_the_average_over_its_levels() -> None:
    levels = ((D(100), D(1)), (D(101), D(1)))
    assert spread.slippage_of_leg(levels, D(2), D(2)) == D(50)


def test_what_the_levels_do_not_hold_is_counted_at_the_limit_price() -> None:
    assert spread.slippage_of_leg(((D(100), D(1)),), D(4), D(2)) == D("1.5")


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN"])
def test_no_quantity_has_no_slippage_figure(quantity: str) -> None:
    if quantity == "NaN":
        with pytest.raises(ArithmeticError):
            spread.slippage_of_leg(((D(100), D(1)),), D(quantity), D(2))
    else:
        assert spread.slippage_of_leg(((D(100), D(1)),), D(quantity), D(2)) is None


def test_an_empty_side_has_no_slippage_figure() -> None:
    empty = Touch("a", (), ((D(100), D(1)),))
    assert spread.slippage_of_leg(empty.bids, D(1), D(2)) is None


@pytest.mark.parametrize(
    ("rate", "interval", "next_in_hours", "holding_hours", "expected"),
    [
        ("0.0001", 8, 0.5, 1, "1"),
        ("-0.0001", 8, 0.5, 1, "-1"),
        ("0.0001", 8, 2, 1, "0"),
        ("0.0001", 1, 0.5, 3, "3"),
        ("0.0001", 4, 0.5, 9, "3"),
    ],
)
def test_funding_counts_the_settlements_within_the_holding_time(
    rate: str, interval: int, next_in_hours: float, holding_hours: int, expected: str
) -> None:
    terms = FundingTerms(D(rate), D(interval), NOW + timedelta(hours=next_in_hours))
    until = NOW + timedelta(hours=holding_hours)
    assert spread.funding_of_leg(terms, NOW, until) == D(expected)


def test_the_short_leg_receives_what_longs_pay() -> None:
    at = NOW + timedelta(minutes=10)
    long, short = FundingTerms(D("0.0001"), D(8), at), FundingTerms(D("0.0003"), D(8), at)
    assert spread.funding_bps(long=long, short=short, now=NOW, holding_seconds=3600) == D(-2)


def test_a_settlement_time_in_the_past_makes_funding_unknown() -> None:
    late = FundingTerms(D("0.0001"), D(8), NOW - timedelta(seconds=1))
    fine = FundingTerms(D("0.0001"), D(8), NOW + timedelta(seconds=1))
    assert spread.funding_bps(long=late, short=fine, now=NOW, holding_seconds=60) is None


def test_a_missing_fee_is_not_zero() -> None:
    assert spread.fees_bps(D(5), None) is None


@given(bid_a=prices, bid_b=prices)
def test_at_most_one_direction_of_a_pair_has_a_positive_spread(bid_a: Decimal, bid_b: Decimal) -> None:
    a = Touch("a", ((bid_a, D(1)),), ((bid_a + D("0.01"), D(1)),))
    b = Touch("b", ((bid_b, D(1)),), ((bid_b + D("0.01"), D(1)),))
    one, other = spread.gross_spread(long=a, short=b), spread.gross_spread(long=b, short=a)
    assert not (one.spread > 0 and other.spread > 0)


@given(levels=st.lists(st.tuples(prices, sizes), min_size=1, max_size=8), quantity=sizes)
def test_slippage_is_never_negative(levels: list[tuple[Decimal, Decimal]], quantity: Decimal) -> None:
    found = spread.slippage_of_leg(sorted(levels), quantity, D(2))
    assert found is not None
    assert found >= 0


@given(levels=st.lists(st.tuples(prices, sizes), min_size=1, max_size=8), quantity=sizes)
def test_a_walk_never_takes_more_than_asked_or_held(levels: list[tuple[Decimal, Decimal]], quantity: Decimal) -> None:
    held, value = spread.filled_cost(levels, quantity)
    assert held <= min(quantity, sum((size for _, size in levels), D(0)))
    assert value <= held * max(price for price, _ in levels)
