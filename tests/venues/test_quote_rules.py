"""RELIABILITY C1 to C11: which quotes may be traded on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trading.quote_rules import REASONS, Verdict, judge
from trading.venues.base import Quote

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def ms(count: float) -> timedelta:
    return timedelta(milliseconds=count)


def quote(venue: str, **changes: object) -> Quote:
    base = Quote(
        venue=venue,
        symbol="BTCUSDT",
        bid=Decimal("88000.0"),
        bid_quantity=Decimal("1.5"),
        ask=Decimal("88000.1"),
        ask_quantity=Decimal("2"),
        venue_at=NOW - ms(20),
        received_at=NOW - ms(10),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def verdict(one: Quote, *others: Quote, now: datetime = NOW) -> Verdict:
    quotes = {found.venue: found for found in (one, *others)}
    found = judge(quotes, now=now, max_age_ms=2000, outlier_bps=Decimal(300), max_lag_ms=1000)
    return found[one.venue]


def test_a_fresh_two_sided_quote_is_good() -> None:
    assert verdict(quote("a"), quote("b")) == Verdict(ok=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"venue_at": NOW - ms(2001), "received_at": NOW - ms(2001)}, "stale"),
        ({"venue_at": None, "received_at": NOW - ms(2001)}, "stale"),
        ({"venue_at": NOW - ms(2001), "received_at": NOW}, "frozen"),
        ({"venue_at": NOW + timedelta(hours=1), "received_at": NOW - ms(2001)}, "stale"),
        ({"venue_at": NOW, "received_at": NOW + timedelta(hours=1)}, "clock"),
        ({"bid": Decimal("88000.2")}, "crossed"),
        ({"bid": Decimal("88000.1")}, "locked"),
        ({"bid": Decimal("NaN")}, "non_finite"),
        ({"ask": Decimal("Infinity")}, "non_finite"),
        ({"ask_quantity": Decimal("-Infinity")}, "non_finite"),
        ({"bid_quantity": Decimal("sNaN")}, "non_finite"),
        ({"bid": Decimal(0)}, "not_positive"),
        ({"ask": Decimal(-1)}, "not_positive"),
        ({"bid_quantity": Decimal(0)}, "not_positive"),
        ({"ask_quantity": Decimal("-0.1")}, "not_positive"),
    ],
)
def test_a_bad_quote_is_refused_by_its_reason(changes: dict[str, object], reason: str) -> None:
    assert verdict(quote("a", **changes), quote("b")) == Verdict(ok=False, reason=reason)


def test_the_limits_themselves_still_pass() -> None:
    assert verdict(quote("a", venue_at=NOW - ms(2000), received_at=NOW)).ok
    assert verdict(quote("a", venue_at=None, received_at=NOW - ms(2000))).ok


@pytest.mark.parametrize("factor", ["1.5", "10", "0.5", "1.031"])
def test_a_price_jump_beyond_the_collar_is_refused(factor: str) -> None:
    spiked = quote("a", bid=Decimal("88000.0") * Decimal(factor), ask=Decimal("88000.1") * Decimal(factor))
    assert verdict(spiked, quote("b"), quote("c")) == Verdict(ok=False, reason="outlier")
    assert verdict(quote("b"), spiked, quote("c")).ok is (factor == "1.031")


def test_of_two_that_disagree_neither_is_believed() -> None:
    far = quote("b", bid=Decimal(99000), ask=Decimal(99001))
    assert verdict(quote("a"), far).reason == "outlier"
    assert verdict(far, quote("a")).reason == "outlier"


def test_a_refused_quote_does_not_vouch_against_a_good_one() -> None:
    stale_spike = quote("b", bid=Decimal(99000), ask=Decimal(99001), received_at=NOW - ms(5000))
    assert verdict(quote("a"), stale_spike).ok


def test_a_standing_basis_of_five_bps_is_no_outlier() -> None:
    assert verdict(quote("a", bid=Decimal("88044.0"), ask=Decimal("88044.1")), quote("b")).ok


@pytest.mark.parametrize(("lag_ms", "ok"), [(0, True), (1000, True), (1001, False), (1900, False)])
def test_a_venue_that_lags_the_other_makes_no_edge(lag_ms: int, ok: bool) -> None:
    late = quote("a", venue_at=NOW - ms(lag_ms), received_at=NOW)
    leading = quote("b", venue_at=NOW, received_at=NOW)
    assert verdict(late, leading).ok is ok
    assert verdict(leading, late).ok


def test_a_single_venue_is_judged_by_itself() -> None:
    assert verdict(quote("a")).ok


def test_every_reason_that_is_given_is_explained() -> None:
    assert set(REASONS) == {
        "non_finite",
        "not_positive",
        "crossed",
        "locked",
        "clock",
        "stale",
        "frozen",
        "outlier",
        "lagging",
    }
