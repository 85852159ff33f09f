"""The governor's and the margin guard's pure rules: each guard at, over and switched off; unknown blocks."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risk.governor import judge, largest_skew, number
from risk.intents import ExposureSnapshot, PnlFigures
from risk.limits import LimitsTable
from risk.margin import MarginLevel, margin_decision
from risk.throttle import published, throttle_of
from tests.risk.plain import NOW, venue_figures

D = Decimal
TICK = D("0.000000000000000001")
LIMITS = {
    ("MAX_TOTAL_NOTIONAL_USDT", ""): D(75000),
    ("MAX_TOTAL_NOTIONAL_USD", ""): None,
    ("MAX_DAILY_LOSS_USDT", ""): D(2500),
    ("MAX_UNREALIZED_LOSS_USD", ""): D(0),
    ("CLOCK_SKEW_HOLD_THRESHOLD_MS", ""): D(200),
}


def verdict(
    *, pnl: dict[str, Any] | None = None, total: str = "0", venue: dict[str, Any] | None = None, **limits: Any
) -> Any:
    table = LimitsTable(1, {**LIMITS, **{(name, ""): value for name, value in limits.items()}})
    return judge(
        limits=table,
        exposure=ExposureSnapshot(taken_at=NOW, total_notional_usdt=D(total)),
        pnl=replace(PnlFigures(taken_at=NOW, unrealized_usdt=D(0)), **(pnl or {})),
        venues=(venue_figures("okx-perp", **(venue or {})),),
        accounts=True,
    )


def keys(findings: Any) -> list[str]:
    return [str(item.key) for item in findings]


BREACHES = [
    ({"pnl": {"realized_today_usdt": D(-2500)}}, []),
    ({"pnl": {"realized_today_usdt": D(-2500) - TICK}}, ["daily_loss"]),
    ({"pnl": {"realized_today_usdt": D(-9999)}, "MAX_DAILY_LOSS_USDT": D(0)}, []),
    ({"total": "75000"}, []),
    ({"total": "75000.01"}, ["total_notional"]),
    ({"total": "75000.01", "MAX_TOTAL_NOTIONAL_USD": D(80000)}, []),
    ({"total": "75000.01", "MAX_TOTAL_NOTIONAL_USD": D(0)}, []),
    ({"total": "50", "MAX_TOTAL_NOTIONAL_USD": D(49)}, ["total_notional"]),
    ({"pnl": {"unrealized_usdt": D(-99999)}}, []),
    ({"pnl": {"unrealized_usdt": D(-100)}, "MAX_UNREALIZED_LOSS_USD": D(100)}, []),
    ({"pnl": {"unrealized_usdt": D(-101)}, "MAX_UNREALIZED_LOSS_USD": D(100)}, ["unrealized_loss"]),
    ({"venue": {"clock_breaches": 2, "clock_skew_ms": 900.0}}, []),
    ({"venue": {"clock_breaches": 3, "clock_skew_ms": 900.0}}, ["clock_skew"]),
    ({"venue": {"clock_breaches": 3}, "CLOCK_SKEW_HOLD_THRESHOLD_MS": D(0)}, []),
    ({"venue": {"maintenance": True}}, ["maintenance"]),
    ({"venue": {"read_only": True}}, ["read_only"]),
]


@pytest.mark.parametrize(("case", "expected"), BREACHES)
def test_each_guard_at_over_and_switched_off(case: dict[str, Any], expected: list[str]) -> None:
    assert keys(verdict(**case).breaches) == expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"pnl": {"unrealized_usdt": None}}, []),
        ({"pnl": {"unrealized_usdt": None}, "MAX_UNREALIZED_LOSS_USD": D(100)}, ["unrealized_unknown"]),
        ({"venue": {"reachable": None}}, ["venue_unreachable"]),
        ({"venue": {"reachable": False}}, ["venue_unreachable"]),
        ({"venue": {"margin_ratio": None}}, ["margin_unread"]),
        ({"venue": {"margin_ratio": D("0.5")}}, ["margin_stop"]),
    ],
)
def test_what_is_unknown_stops_entries(case: dict[str, Any], expected: list[str]) -> None:
    found = verdict(**case)
    assert keys(found.entry_stops) == expected
    assert not found.breaches


@pytest.mark.parametrize(
    ("ratio", "distance", "level"),
    [
        ("0.49", "0.16", MarginLevel.OK),
        ("0.50", "0.16", MarginLevel.STOP),
        ("0.49", "0.15", MarginLevel.STOP),
        ("0.70", "0.16", MarginLevel.ALARM),
        ("0.10", "0.10", MarginLevel.ALARM),
        ("0.85", "0.16", MarginLevel.REDUCE),
        ("0.10", "0.05", MarginLevel.REDUCE),
        ("NaN", "0.5", MarginLevel.UNREAD),
    ],
)
def test_the_margin_guard_at_each_step(ratio: str, distance: str, level: MarginLevel) -> None:
    decision = margin_decision(venue_figures("okx-perp", margin_ratio=D(ratio), liquidation_distance=D(distance)))
    assert decision.level is level
    assert (decision.reduce_fraction > 0) is (level is MarginLevel.REDUCE)
    assert decision.entries_allowed is (level is MarginLevel.OK)


def test_a_reduction_brings_the_ratio_below_the_alarm() -> None:
    for ratio in (D("0.85"), D("0.95"), D("1.4")):
        fraction = margin_decision(venue_figures("v", margin_ratio=ratio)).reduce_fraction
        assert ratio * (1 - fraction) <= D("0.6400")


def test_without_a_position_nothing_is_near_and_an_unread_distance_is_not_far() -> None:
    assert margin_decision(venue_figures("v", margin_ratio=D(0), liquidation_distance=D(1))).level is MarginLevel.OK
    assert margin_decision(venue_figures("v", liquidation_distance=None)).level is MarginLevel.UNREAD


def test_an_unread_figure_hides_no_danger_that_the_other_one_shows() -> None:
    by_ratio = margin_decision(venue_figures("v", margin_ratio=D("0.9"), liquidation_distance=None))
    by_distance = margin_decision(venue_figures("v", margin_ratio=None, liquidation_distance=D("0.04")))
    assert by_ratio.level is by_distance.level is MarginLevel.REDUCE
    assert by_distance.reduce_fraction == D("0.25")


@pytest.mark.parametrize(
    ("loss", "state", "factor"),
    [
        ("0", "NORMAL", "1"),
        ("624.99", "NORMAL", "1"),
        ("625", "REDUCED", "0.75"),
        ("1250", "REDUCED", "0.5"),
        ("1875", "REDUCED", "0.25"),
    ],
)
def test_sizes_shrink_with_the_days_drawdown(loss: str, state: str, factor: str) -> None:
    found = throttle_of(-D(loss), D(2500))
    assert (found.state, found.size_factor) == (state, D(factor))


def test_a_profit_or_a_guard_that_is_off_reduces_nothing() -> None:
    assert throttle_of(D(5000), D(2500)).state == "NORMAL"
    assert throttle_of(D(-5000), D("Infinity")).state == "NORMAL"


def test_the_published_table_of_the_throttle() -> None:
    steps = [
        (throttle_of(-D(loss), D(2500)).size_factor, throttle_of(-D(loss), D(2500)).interval_factor)
        for loss in (0, 625, 1250, 1875)
    ]
    assert steps == [(D(1), D(1)), (D("0.75"), D("1.5")), (D("0.50"), D(2)), (D("0.25"), D(4))]
    assert throttle_of(D(5000), D(2500)).loss_share == 0
    assert throttle_of(D(-5000), D("Infinity")).loss_share == 0


def test_the_status_shows_where_the_desk_stands_in_the_whole_table() -> None:
    found = published(throttle_of(D(-1300), D(2500)))
    assert (found["state"], found["loss_share"], found["size_factor"]) == ("REDUCED", D("0.52"), D("0.50"))
    assert found["interval_factor"] == D(2)
    assert [tuple(step.values()) for step in found["table"]] == [
        (D(0), D(1), D(1)),
        (D("0.25"), D("0.75"), D("1.5")),
        (D("0.50"), D("0.50"), D(2)),
        (D("0.75"), D("0.25"), D(4)),
    ]
    assert set(found["table"][0]) == {"from_loss_share", "size_factor", "interval_factor"}
    assert found["repeats_per_minute"] == 30


def test_the_steps_of_the_margin_guard_are_named_in_findings() -> None:
    assert [level.value for level in MarginLevel] == ["ok", "unread", "stop", "alarm", "reduce"]
    assert keys(verdict(venue={"margin_ratio": D("0.7")}).entry_stops) == ["margin_alarm"]
    assert keys(verdict(venue={"margin_ratio": D("0.85")}).entry_stops) == ["margin_reduce"]


@pytest.mark.parametrize(("ratio", "fraction"), [("1", "0.4"), ("0.85", None), ("2.4", "0.75"), ("1000000", None)])
def test_a_reduction_aims_at_a_ratio_of_60_percent(ratio: str, fraction: str | None) -> None:
    decision = margin_decision(venue_figures("v", margin_ratio=D(ratio)))
    assert decision.reduce_fraction == (D(fraction) if fraction else 1 - D("0.60") / D(ratio))
    assert D("0.25") <= decision.reduce_fraction <= 1


def test_a_margin_is_told_in_percent_and_an_unread_figure_as_unread() -> None:
    text = margin_decision(venue_figures("v", margin_ratio=D("0.9"), liquidation_distance=None)).text
    assert text == "margin of v: ratio 90.0 %, distance to liquidation unread"


def test_without_accounts_there_is_no_margin_and_no_reach_to_know() -> None:
    def stops(accounts: bool) -> list[str]:
        venues = (venue_figures("v", margin_ratio=None, reachable=None),)
        pnl = PnlFigures(taken_at=NOW, unrealized_usdt=D(0))
        exposure = ExposureSnapshot(taken_at=NOW)
        table = LimitsTable(1, LIMITS)
        return keys(judge(limits=table, exposure=exposure, pnl=pnl, venues=venues, accounts=accounts).entry_stops)

    assert stops(accounts=False) == []
    assert stops(accounts=True) == ["venue_unreachable", "margin_unread"]


def test_the_largest_skew_is_that_of_the_venue_furthest_off() -> None:
    venues = [venue_figures("a", clock_skew_ms=None), venue_figures("b", clock_skew_ms=-9.0), venue_figures("c")]
    assert largest_skew(venues) == -9.0
    assert largest_skew(venues[:1]) is None


def test_an_unknown_figure_is_stored_as_null() -> None:
    assert number(None) is None
    assert number(D("1E+3")) == "1000"
