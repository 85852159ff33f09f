"""The pure judgments of the console: levels, scores, sentences, charts, cells."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propbot.console.charts import Point, line_chart
from propbot.console.components import Component, group_scores, overall
from propbot.console.exports import FORMULA_STARTS, neutral, sections_csv
from propbot.console.phrases import duration, status_line
from propbot.console.selectors.component_list import strategy_component
from propbot.console.slo import drawdown, judge, percentile, slo_alerts

D = Decimal
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def desk(**changes: object) -> dict[str, object]:
    stopped = {
        "hold_active": True,
        "hold_source": "alice",
        "hold_reason": "funding reset",
        "hold_since": NOW - timedelta(minutes=4),
        "safe_mode": True,
        "dry_run": True,
        "mode": "HOLD",
    }
    return {**stopped, **changes}


def test_a_stopped_desk_says_who_when_why_and_what_it_takes() -> None:
    assert status_line(desk(), [], NOW) == "Stopped by alice 4 min ago: funding reset. Two people are needed to resume."


def test_a_pending_resume_waits_for_the_second_person() -> None:
    pending = [{"action": "resume", "requested_by": "alice"}]
    assert status_line(desk(), pending, NOW).endswith("alice asked to resume: awaiting second confirmation.")


def test_each_later_state_has_its_own_sentence() -> None:
    released = desk(hold_active=False)
    assert "SAFE_MODE is still on" in status_line(released, [], NOW)
    assert "one operator resumes" in status_line({**released, "safe_mode": False}, [], NOW)
    running = {**released, "safe_mode": False, "mode": "RUN"}
    assert "simulated (dry run)" in status_line(running, [], NOW)
    assert "real at the venues" in status_line({**running, "dry_run": False}, [], NOW)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_a_duration_takes_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_an_unmeasured_level_is_no_data_and_raises_nothing() -> None:
    assert judge("reject_rate", None) == "NO DATA"
    assert slo_alerts({"reject_rate": None}) == []


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("reject_rate", "0.049", "OK"),
        ("reject_rate", "0.05", "WARN"),
        ("reject_rate", "0.20", "ERROR"),
        ("budget_remaining_share", "0.26", "OK"),
        ("budget_remaining_share", "0.25", "WARN"),
        ("budget_remaining_share", "0.05", "ERROR"),
    ],
)
def test_a_level_is_judged_at_its_boundaries(name: str, value: str, status: str) -> None:
    assert judge(name, D(value)) == status


def test_the_worst_alert_stands_first_and_names_its_numbers() -> None:
    alerts = slo_alerts({"reject_rate": D("0.1"), "day_drawdown_usdt": D(1500)})
    assert [row["severity"] for row in alerts] == ["critical", "warning"]
    assert "1500" in alerts[0]["text"]


def test_a_percentile_is_one_of_the_values_and_none_of_nothing() -> None:
    assert percentile([], D("0.95")) is None
    assert percentile([D(7)], D("0.95")) == 7
    assert percentile([D(value) for value in range(1, 101)], D("0.95")) == 95


def test_a_drawdown_is_measured_from_the_peak() -> None:
    assert drawdown([]) is None
    assert drawdown([D(1), D(9), D(4)]) == 5
    assert drawdown([D(-3), D(-1)]) == 0


def part(group: str, status: str) -> Component:
    return Component("x", "x", group, status, "")


def test_what_nobody_read_counts_as_broken_and_an_empty_group_has_no_score() -> None:
    scores = group_scores([part("P0", "OK"), part("P0", "NO DATA"), part("P1", "WARN")])
    assert scores == {"P0": 50, "P1": 50, "P2": None, "P3": None}


def test_hold_is_said_before_anything_else() -> None:
    assert overall([part("P0", "ERROR")], hold_active=True) == "HOLD"
    assert overall([part("P0", "ERROR")], hold_active=False) == "ERROR"
    assert overall([part("P3", "ERROR")], hold_active=False) == "WARN"
    assert overall([part("P0", "OK")], hold_active=False) == "OK"


def test_a_chart_needs_two_points_and_stays_inside_its_frame() -> None:
    one = [Point(NOW, D(1))]
    assert line_chart(one, []) is None
    chart = line_chart([Point(NOW + timedelta(minutes=step), D(step * step - 9)) for step in range(7)], [])
    assert chart is not None
    assert chart.zero_y is not None
    corners = [tuple(map(float, pair.split(","))) for pair in chart.lines[0].split()]
    assert all(0 <= x <= chart.width and 0 <= y <= chart.height for x, y in corners)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_cell_can_start_a_formula_and_the_rest_survives_the_round_trip(text: str) -> None:
    cell = neutral(text)
    assert not cell.startswith(FORMULA_STARTS)
    rows = list(csv.reader(io.StringIO(sections_csv({"section": {"key": text}}), newline="")))
    assert rows[0] == ["section", "key", "value"]
    assert rows[1][2] == cell


def test_a_formula_in_a_reason_is_defused() -> None:
    assert neutral('=HYPERLINK("http://x")').startswith("'=")
    assert neutral("  @SUM(A1)").startswith("'")
    assert neutral("-1.5") == "'-1.5"


STRATEGY = {
    "name": "funding_rate_arb",
    "state": "active",
    "enabled": True,
    "frozen": False,
    "freeze_reason": "",
    "failures": 0,
    "remaining": D(500),
}


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({}, "OK", "active"),
        ({"enabled": False}, "OK", "disabled"),
        ({"state": "blocked_by_risk"}, "ERROR", "blocked by risk"),
        ({"enabled": False, "state": "blocked_by_risk"}, "OK", "disabled"),
        ({"frozen": True, "state": "frozen_by_risk", "freeze_reason": "daily loss"}, "ERROR", "daily loss"),
        ({"enabled": False, "frozen": True, "state": "frozen_by_risk", "freeze_reason": "loss"}, "ERROR", "loss"),
    ],
)
def test_a_strategy_that_is_switched_off_is_no_fault_of_the_desk(
    changes: dict[str, object], status: str, text: str
) -> None:
    found = strategy_component({**STRATEGY, **changes})
    assert (found.status, found.summary) == (status, text)
