"""What a hedge was opened on, expected and became, as its page tells it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from propbot.console.hedge_story import (
    against_expectation,
    decided_quotes,
    expected_parts,
    order_stories,
    outcome_parts,
)

D = Decimal
AT = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
DECISION: dict[str, Any] = {
    "decided_at": AT.isoformat(),
    "spread_bps": "11.11",
    "costs_bps": {
        "standing_basis_bps": "1",
        "entry_fees_bps": "4",
        "exit_fees_bps": "4",
        "slippage_bps": "0.5",
        "funding_bps": "-0.5",
    },
    "quotes": {
        "binance-um": {
            "bid": "89990",
            "ask": "90000",
            "bid_quantity": "1",
            "ask_quantity": "2",
            "venue_at": (AT - timedelta(milliseconds=120)).isoformat(),
            "received_at": (AT - timedelta(milliseconds=80)).isoformat(),
        },
        "okx-perp": {"bid": "90100", "ask": "90110", "venue_at": "", "received_at": "yesterday"},
    },
}
ATTRIBUTION = {
    "spread_captured_usdt": D("1.5"),
    "slippage_usdt": D("-0.2"),
    "leg_delay_usdt": None,
    "fees_usdt": D("-0.7"),
    "funding_usdt": D("0.1"),
    "realized_usdt": D("0.7"),
    "expected_usdt": D("0.9"),
    "difference_usdt": D("-0.2"),
}


def test_the_quotes_say_which_side_was_to_be_taken_and_how_old_they_were() -> None:
    long, short = decided_quotes(DECISION, long_venue="binance-um", short_venue="okx-perp")
    assert (long.taken, long.ask, long.ask_quantity, long.age_ms) == ("ask", D(90000), D(2), 120)
    assert (short.taken, short.bid, short.bid_quantity, short.age_ms) == ("bid", D(90100), None, None)


@pytest.mark.parametrize("quotes", [None, [], "text"])
def test_without_stored_quotes_there_are_none(quotes: Any) -> None:
    assert decided_quotes({"quotes": quotes}, long_venue="a", short_venue="b") == []


def test_the_spread_less_its_costs_is_the_expected_edge_in_bps_and_in_money() -> None:
    *parts, total = expected_parts(DECISION, edge_bps=D("2.11"), notional_usdt=D(1000))
    assert sum(part.bps or 0 for part in parts) == total.bps == D("2.11")
    assert sum(part.usdt or 0 for part in parts) == total.usdt == D("0.211")
    assert [part.name for part in parts][-1] == "expected funding"
    assert parts[-1].bps == D("0.5")


def test_a_cost_that_was_not_stored_is_no_data_and_not_zero() -> None:
    parts = expected_parts({"spread_bps": "3"}, edge_bps=None, notional_usdt=D(1000))
    assert [part.bps for part in parts[1:]] == [None] * 6


def test_the_parts_of_the_outcome_add_up_to_what_was_realized() -> None:
    *parts, total = outcome_parts(ATTRIBUTION, notional_usdt=D(1000))
    assert sum(part.usdt or 0 for part in parts) == total.usdt == D("0.7")
    assert total.bps == D(7)
    assert [part.usdt for part in parts if part.name == "move before the second leg"] == [None]


def test_realized_less_expected_is_said_only_when_both_are_known() -> None:
    gap = against_expectation(ATTRIBUTION, notional_usdt=D(1000))
    assert gap is not None
    assert (gap.usdt, gap.bps) == (D("-0.2"), D(-2))
    assert against_expectation(None, notional_usdt=D(1000)) is None
    assert against_expectation({**ATTRIBUTION, "difference_usdt": None}, notional_usdt=D(1000)) is None


def order(**changes: Any) -> Any:
    fields = {
        "pk": 1,
        "purpose": "entry",
        "side": "buy",
        "venue": "binance-um",
        "average_price": D(90009),
        "sending_at": AT + timedelta(milliseconds=12),
        "answered_at": AT + timedelta(milliseconds=52),
    }
    return SimpleNamespace(**{**fields, **changes})


def test_an_order_tells_its_times_its_fees_and_its_distance_from_the_touch() -> None:
    fills = [SimpleNamespace(order_id=1, fee_usdt=D("0.1")), SimpleNamespace(order_id=1, fee_usdt=D("0.2"))]
    (story,) = order_stories([order()], fills, DECISION, decided_at=AT)
    assert (story.decided_ms, story.answer_ms, story.fills, story.fees_usdt) == (12, 40, 2, D("0.3"))
    assert (story.touch, story.slippage_bps) == (D(90000), D(1))


@pytest.mark.parametrize(
    "changes", [{"purpose": "exit"}, {"average_price": None}, {"venue": "elsewhere"}, {"sending_at": None}]
)
def test_what_nobody_measured_of_an_order_is_none(changes: dict[str, Any]) -> None:
    (story,) = order_stories([order(**changes)], [], DECISION, decided_at=AT)
    assert story.fees_usdt is None
    assert story.decided_ms is None if "sending_at" in changes else story.slippage_bps is None
