"""The published tables are those of the code."""

from pathlib import Path

from risk.margin import THRESHOLDS
from risk.throttle import REPEATS_PER_MINUTE, TABLE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "risk.md").read_text(encoding="utf-8")


def test_the_table_of_the_throttle_is_the_codes() -> None:
    rows = [f"| {step.from_share} | x {step.size_factor} | x {step.interval_factor} |" for step in reversed(TABLE)]
    assert "\n".join(rows) in PAGE


def test_the_repetitions_that_latch_a_strategy_are_the_codes() -> None:
    text = " ".join(PAGE.split())
    assert f"{REPEATS_PER_MINUTE} real hedges of one strategy within a minute are allowed" in text


def test_the_table_of_the_margin_guard_is_the_codes() -> None:
    for _, ratio, distance in THRESHOLDS:
        assert f"| {ratio} | {distance} |" in PAGE
