"""A decision, decided again from what was stored with it."""

from decimal import Decimal
from typing import Any

import pytest

from propbot.console.replay import Replay, replay

D = Decimal
EDGE = D("1.111111")
STORED: dict[str, Any] = {
    "quotes": {"binance-um": {"bid": "89990", "ask": "90000"}, "okx-perp": {"bid": "90100", "ask": "90110"}},
    "spread_bps": "11.111111",
    "net_edge_bps": "1.111111",
    "costs_bps": {
        "standing_basis_bps": "1",
        "entry_fees_bps": "4",
        "exit_fees_bps": "4",
        "slippage_bps": "0.5",
        "funding_bps": "0.5",
    },
    "request": {"min_spread_bps": "10"},
}


def decided(expected: Decimal | None = EDGE, **changes: Any) -> Replay:
    return replay({**STORED, **changes}, long_venue="binance-um", short_venue="okx-perp", expected=expected)


def test_the_stored_inputs_give_the_stored_edge() -> None:
    found = decided()
    assert found.verdict == "agrees"
    assert [step.computed for step in found.steps] == [D("11.111111"), D("1.111111"), D("1.111111")]
    assert found.wanted == "asked for at least 10 bps: there"


@pytest.mark.parametrize(
    "changes",
    [
        {"spread_bps": "12"},
        {"net_edge_bps": "1.2"},
        {"costs_bps": {**STORED["costs_bps"], "funding_bps": "-0.5"}},
        {"quotes": {**STORED["quotes"], "okx-perp": {"bid": "90101"}}},
        {"expected": D("1.13")},
    ],
)
def test_a_figure_that_was_changed_afterwards_disagrees(changes: dict[str, Any]) -> None:
    assert decided(**changes).verdict == "disagrees"


@pytest.mark.parametrize(
    "changes",
    [
        {"quotes": {}},
        {"quotes": None},
        {"costs_bps": {**STORED["costs_bps"], "slippage_bps": None}},
        {"costs_bps": None},
        {"expected": None},
        {"net_edge_bps": "NaN"},
    ],
)
def test_where_an_input_is_missing_nothing_is_claimed(changes: dict[str, Any]) -> None:
    assert decided(**changes).verdict == "not enough was stored"


def test_a_spread_below_what_was_asked_for_is_said() -> None:
    assert decided(request={"min_spread_bps": "12"}).wanted == "asked for at least 12 bps: not there"
