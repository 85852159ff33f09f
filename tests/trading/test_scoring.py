"""The score of a symbol."""

from dataclasses import replace
from decimal import Decimal

import pytest

from trading.scoring import VenueFacts, score

D = Decimal
LIQUID = VenueFacts("binance-um", D("5e9"), D("500000"), D("0.01"))


def test_a_liquid_tight_symbol_on_two_venues_scores_high() -> None:
    found = score([LIQUID, replace(LIQUID, venue="okx-perp")])
    assert found.total is not None
    assert found.total > 90


def test_a_symbol_on_one_venue_scores_nothing() -> None:
    assert score([LIQUID]).total == 0


def test_the_worse_venue_decides() -> None:
    thin = replace(LIQUID, venue="okx-perp", volume_24h_usdt=D("1e6"), touch_usdt=D(1000), spread_bps=D(20))
    found = score([LIQUID, thin])
    assert (found.parts["volume"], found.parts["depth"], found.parts["spread"]) == (0, 0, 0)


@pytest.mark.parametrize("fact", ["volume_24h_usdt", "touch_usdt", "spread_bps"])
def test_an_unknown_part_leaves_the_score_unknown(fact: str) -> None:
    assert score([LIQUID, replace(LIQUID, **{fact: None})]).total is None
