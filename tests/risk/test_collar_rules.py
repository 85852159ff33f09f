"""Price collars on both legs: a tick inside, at and outside, a fat tick on every venue at once, and an unknown mark."""

from decimal import Decimal

import pytest

from risk.collars import collar_problem, distance_bps
from tests.risk.plain import make_intent

D = Decimal
MARKS = {"binance-um": D(100), "okx-perp": D(100)}


def problem(long: str, short: str, marks: dict[str, Decimal] | None = None) -> str:
    intent = make_intent(long_limit_price=D(long), short_limit_price=D(short))
    return collar_problem(intent, MARKS if marks is None else marks, D(300))


@pytest.mark.parametrize(
    ("long", "short", "leg"),
    [
        ("103", "97", ""),
        ("97", "103", ""),
        ("103.000001", "100", "long limit 103.000001 on binance-um"),
        ("96.999999", "100", "long limit 96.999999 on binance-um"),
        ("100", "103.000001", "short limit 103.000001 on okx-perp"),
        ("100", "96.999999", "short limit 96.999999 on okx-perp"),
    ],
)
def test_each_leg_stays_within_its_collar(long: str, short: str, leg: str) -> None:
    found = problem(long, short)
    assert (found != "") is (leg != "")
    assert leg in found


@pytest.mark.parametrize("factor", ["1.5", "10", "0.5", "0.1"])
def test_a_fat_tick_on_both_venues_at_once_is_caught(factor: str) -> None:
    price = str(D(100) * D(factor))
    assert "price collar: long limit" in problem(price, price)


@pytest.mark.parametrize("marks", [{}, {"binance-um": D(100)}, {"binance-um": D(100), "okx-perp": D(0)}])
def test_an_unknown_mark_refuses(marks: dict[str, Decimal]) -> None:
    assert "no fresh mark of" in problem("100", "100", marks)


def test_a_leg_without_a_limit_price_refuses() -> None:
    assert "the long leg has no limit price" in collar_problem(make_intent(), MARKS, D(300))


def test_the_distance_is_in_bps_of_the_mark() -> None:
    assert distance_bps(D(101), D(100)) == D(100) == distance_bps(D(99), D(100))
