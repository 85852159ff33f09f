"""When a hedge closes by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trading.exit_rules import ExitFacts, ExitRules, exit_reason, exit_spread_bps, mid_spread_bps
from trading.spread import Touch

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = ExitRules(converged_bps=D(1), take_profit_bps=None, max_holding_seconds=None)
FACTS = ExitFacts(
    opened_at=NOW - timedelta(seconds=30),
    entry_spread_bps=D(50),
    exit_spread_bps=D(46),
    mid_spread_bps=D(45),
    standing_basis_bps=D(5),
    funding_bps=D(0),
)


def test_a_hedge_far_from_its_basis_is_kept() -> None:
    assert exit_reason(FACTS, RULES, now=NOW) is None


@pytest.mark.parametrize("mid", ["6", "5", "4.5", "-20"])
def test_at_or_below_the_basis_it_has_converged(mid: str) -> None:
    assert exit_reason(replace(FACTS, mid_spread_bps=D(mid)), RULES, now=NOW) == "converged"


def test_a_negative_basis_is_converged_to_as_well() -> None:
    facts = replace(FACTS, standing_basis_bps=D(-5), mid_spread_bps=D("-4.5"))
    assert exit_reason(facts, RULES, now=NOW) == "converged"


def test_take_profit_looks_at_the_captured_spread() -> None:
    rules = replace(RULES, take_profit_bps=D(4))
    assert exit_reason(FACTS, rules, now=NOW) == "take_profit"
    assert exit_reason(replace(FACTS, exit_spread_bps=D("46.1")), rules, now=NOW) is None


def test_the_longest_holding_time_needs_no_quotes() -> None:
    blind = replace(FACTS, exit_spread_bps=None, mid_spread_bps=None)
    assert exit_reason(blind, replace(RULES, max_holding_seconds=30), now=NOW) == "max_holding"
    assert exit_reason(blind, replace(RULES, max_holding_seconds=31), now=NOW) is None


def test_funding_closes_when_it_takes_more_than_is_left_to_gain() -> None:
    assert exit_reason(replace(FACTS, funding_bps=D(41)), RULES, now=NOW) == "funding_against"
    assert exit_reason(replace(FACTS, funding_bps=D(40)), RULES, now=NOW) is None


@pytest.mark.parametrize("fact", ["mid_spread_bps", "standing_basis_bps", "funding_bps", "exit_spread_bps"])
def test_an_unknown_fact_closes_nothing(fact: str) -> None:
    rules = replace(RULES, take_profit_bps=D(40))
    assert exit_reason(replace(FACTS, **{fact: None}), rules, now=NOW) is None


def test_the_exit_buys_the_short_venues_ask_and_sells_the_long_venues_bid() -> None:
    long = Touch("a", ((D(100), D(1)),), ((D(100), D(1)),))
    short = Touch("b", ((D("100.1"), D(1)),), ((D("100.3"), D(1)),))
    assert exit_spread_bps(long=long, short=short) == D(30)
    assert mid_spread_bps(long=long, short=short) == D(20)
