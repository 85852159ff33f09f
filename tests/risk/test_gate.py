"""The gate's tables: each cap and budget one tick under, at and over its limit, with the flags on, off and dry."""

import time
from dataclasses import replace
from decimal import Decimal
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.gate import (
    GateDecision,
    GateFacts,
    Reserved,
    RiskFlags,
    StrategyFacts,
    capacity_breach,
    decide,
    request_breach,
)
from risk.intents import ExposureSnapshot, StrategyExposure
from risk.limits import LimitsTable
from tests.risk.plain import NOW, make_intent

D = Decimal
TICK = D("0.000000000000000001")
LIMITS = LimitsTable(
    7,
    {
        ("MAX_OPEN_POSITIONS", ""): D(3),
        ("MAX_TOTAL_NOTIONAL_USDT", ""): D(75000),
        ("MAX_NOTIONAL_PER_POSITION_USDT", ""): D(25000),
        ("MAX_NOTIONAL_PER_EXCHANGE", "binance-um"): D(50000),
        ("MAX_NOTIONAL_PER_EXCHANGE", "okx-perp"): D(50000),
        ("MAX_POSITION_USDT", ""): D(25000),
        ("MAX_POSITION_USDT", "ETHUSDT"): D(10000),
        ("MAX_OPEN_ORDERS", ""): D(5),
        ("MAX_OPEN_ORDERS", "okx-perp"): D(2),
        ("MAX_LEVERAGE", ""): D(5),
    },
)
STRATEGY = StrategyFacts("cross_exchange_arb", True, False, "", False, D(75000), 3, D(500), D(0))
ON, OFF = RiskFlags(True, True, True), RiskFlags(False, False, False)
EMPTY = ExposureSnapshot(taken_at=NOW)


def facts(**changes: Any) -> GateFacts:
    return replace(GateFacts(ON, LIMITS, EMPTY, Reserved(), STRATEGY, False), **changes)


def held(**changes: Any) -> ExposureSnapshot:
    return replace(EMPTY, **changes)


def limits_with(**changes: Any) -> LimitsTable:
    return LimitsTable(8, {**LIMITS.values, **{(name, ""): value for name, value in changes.items()}})


# name of the cap, exposure that stands exactly at the limit once 1000 USDT are added, and one tick more
CAP_CASES = [
    ("max_open_positions", held(open_hedges=2), held(open_hedges=3)),
    ("max_total_notional_usdt", held(total_notional_usdt=D(74000)), held(total_notional_usdt=D(74000) + TICK)),
    (
        "max_notional_per_exchange",
        held(per_venue={"okx-perp": D(49000)}),
        held(per_venue={"okx-perp": D(49000) + TICK}),
    ),
    ("max_position_usdt", held(per_symbol={"BTCUSDT": D(24000)}), held(per_symbol={"BTCUSDT": D(24000) + TICK})),
    ("max_open_orders", held(open_orders={"okx-perp": 1}), held(open_orders={"okx-perp": 2})),
]


@pytest.mark.parametrize(("cap", "at", "over"), CAP_CASES)
def test_each_cap_allows_at_its_limit_and_skips_one_tick_over(
    cap: str, at: ExposureSnapshot, over: ExposureSnapshot
) -> None:
    assert decide(make_intent(), facts(exposure=at)).allowed
    decision = decide(make_intent(), facts(exposure=over))
    assert (decision.allowed, decision.reason, decision.cap, decision.state) == (
        False,
        "caps_exceeded",
        cap,
        "SKIPPED_BY_RISK",
    )


@pytest.mark.parametrize(("cap", "at", "over"), CAP_CASES)
@pytest.mark.parametrize("flags", [OFF, RiskFlags(True, False, True), RiskFlags(False, True, True)])
def test_caps_bind_only_with_both_flags(
    flags: RiskFlags, cap: str, at: ExposureSnapshot, over: ExposureSnapshot
) -> None:
    decision = decide(make_intent(), facts(exposure=over, flags=flags))
    assert decision.allowed
    assert decision.reason == ("ok" if flags.checks else "risk_checks_disabled")


@pytest.mark.parametrize(("cap", "at", "over"), CAP_CASES)
def test_dry_run_enforces_nothing_and_tells_what_it_would_have_skipped(
    cap: str, at: ExposureSnapshot, over: ExposureSnapshot
) -> None:
    decision = decide(make_intent(), facts(exposure=over, dry_run=True))
    assert (decision.allowed, decision.would_skip) == (True, "caps_exceeded")
    assert decision.answer() == {"allowed": True, "why": "dry_run_no_enforce"}


def test_the_answers_are_word_for_word_those_of_the_contract() -> None:
    assert decide(make_intent(), facts(flags=OFF)).answer() == {"allowed": True, "reason": "risk_checks_disabled"}
    skipped = decide(make_intent(), facts(exposure=held(total_notional_usdt=D(75000)))).answer()
    assert skipped["status"] == "skipped"
    assert (skipped["state"], skipped["reason"], skipped["cap"]) == (
        "SKIPPED_BY_RISK",
        "caps_exceeded",
        "max_total_notional_usdt",
    )


def test_reservations_count_like_exposure() -> None:
    reserved = Reserved(D(74500), 1, {}, {}, {})
    assert decide(make_intent(), facts(reserved=reserved)).cap == "max_total_notional_usdt"
    assert decide(make_intent(), facts(reserved=Reserved(D(0), 3, {}, {}, {}))).cap == "max_open_positions"
    assert decide(make_intent(), facts(reserved=Reserved(D(0), 0, {"okx-perp": D(50000)}))).cap == (
        "max_notional_per_exchange"
    )


def test_a_symbol_and_a_venue_may_have_limits_of_their_own() -> None:
    eth = make_intent(symbol="ETHUSDT", notional_usdt=D(10000) + TICK)
    assert decide(eth, facts()).cap == "max_position_usdt"
    assert decide(replace(eth, symbol="BTCUSDT"), facts()).allowed
    two_orders = held(open_orders={"binance-um": 4, "okx-perp": 2})
    assert "okx-perp" in decide(make_intent(), facts(exposure=two_orders)).detail


def test_a_blank_table_of_venues_disables_that_cap_and_an_unnamed_venue_blocks() -> None:
    blank = LimitsTable(
        8, {key: value for key, value in LIMITS.values.items() if key[0] != "MAX_NOTIONAL_PER_EXCHANGE"}
    )
    assert decide(make_intent(), facts(limits=blank, exposure=held(per_venue={"okx-perp": D(10**9)}))).allowed
    assert decide(make_intent(long_venue="bybit"), facts()).cap == "max_notional_per_exchange"


def test_an_absent_limit_is_an_error_and_never_unlimited() -> None:
    without = LimitsTable(
        8, {key: value for key, value in LIMITS.values.items() if key[0] != "MAX_TOTAL_NOTIONAL_USDT"}
    )
    with pytest.raises(KeyError):
        decide(make_intent(), facts(limits=without))


@pytest.mark.parametrize("flags", [ON, OFF])
def test_capacity_blocks_whatever_the_flags_say(flags: RiskFlags) -> None:
    small = replace(STRATEGY, max_notional_usdt=D(1000))
    assert decide(make_intent(), facts(strategy=small, flags=flags)).allowed
    used = held(per_strategy={"cross_exchange_arb": StrategyExposure(TICK, 1)})
    decision = decide(make_intent(), facts(strategy=small, flags=flags, exposure=used))
    assert not decision.allowed
    assert (decision.state, decision.reason, decision.metric_reason, decision.cap) == (
        "BUDGET_BLOCKED",
        "strategy_budget_exceeded",
        "budget_exceeded",
        "max_notional_usdt",
    )
    full = held(per_strategy={"cross_exchange_arb": StrategyExposure(D(0), 3)})
    assert decide(make_intent(), facts(flags=flags, exposure=full)).state == "BUDGET_BLOCKED"
    assert decide(make_intent(), facts(strategy=small, flags=flags, exposure=used, dry_run=True)).allowed


@pytest.mark.parametrize(
    ("flags", "dry_run", "allowed"),
    [
        (ON, False, False),
        (RiskFlags(True, True, False), False, True),
        (RiskFlags(False, True, True), False, True),
        (ON, True, True),
    ],
)
@pytest.mark.parametrize("used", [D(500), D(501)])
def test_the_daily_budget_blocks_only_where_it_is_enforced(
    flags: RiskFlags, dry_run: bool, allowed: bool, used: Decimal
) -> None:
    exhausted = replace(STRATEGY, used_today_usdt=used)
    decision = decide(make_intent(), facts(flags=flags, dry_run=dry_run, strategy=exhausted))
    assert decision.allowed is allowed
    if not allowed:
        assert (decision.reason, decision.state) == ("budget_exceeded", "SKIPPED_BY_RISK")


def test_one_tick_of_budget_left_is_enough() -> None:
    assert decide(make_intent(), facts(strategy=replace(STRATEGY, used_today_usdt=D(500) - TICK))).allowed


@pytest.mark.parametrize("flags", [ON, OFF])
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frozen": True}, "strategy_frozen"),
        ({"enabled": False}, "other_risk"),
        ({"throttled": True}, "other_risk"),
    ],
)
def test_a_frozen_disabled_or_throttled_strategy_is_refused_whatever_the_flags_say(
    flags: RiskFlags, dry_run: bool, change: dict[str, bool], reason: str
) -> None:
    decision = decide(make_intent(), facts(flags=flags, dry_run=dry_run, strategy=replace(STRATEGY, **change)))
    assert (decision.allowed, decision.reason) == (False, reason)


def test_an_unregistered_strategy_is_refused() -> None:
    assert decide(make_intent(), facts(strategy=None)).reason == "other_risk"


@pytest.mark.parametrize("field", ["notional_usdt", "quantity", "leverage"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-1", "0", "sNaN"])
def test_a_number_that_is_none_passes_no_limit(field: str, value: str) -> None:
    for flags in (ON, OFF):
        assert not decide(make_intent(**{field: D(value)}), facts(flags=flags)).allowed


@pytest.mark.parametrize(
    ("change", "cap"),
    [
        ({"notional_usdt": D(25000) + TICK}, "max_notional_per_position_usdt"),
        ({"leverage": D(5) + TICK}, "max_leverage"),
    ],
)
@pytest.mark.parametrize("flags", [ON, OFF])
def test_a_request_that_is_too_large_in_itself_is_a_bad_request(
    flags: RiskFlags, change: dict[str, Decimal], cap: str
) -> None:
    breach = request_breach(make_intent(**change), facts(flags=flags))
    assert breach is not None
    assert breach.cap == cap
    assert request_breach(make_intent(notional_usdt=D(25000), leverage=D(5)), facts(flags=flags)) is None


@pytest.mark.parametrize(
    ("exposure", "cap"),
    [
        (held(open_hedges=3), "max_open_positions"),
        (held(total_notional_usdt=D(75000)), "max_total_notional_usdt"),
    ],
)
def test_with_the_caps_enforced_the_gate_answers_for_positions_and_total(exposure: ExposureSnapshot, cap: str) -> None:
    assert request_breach(make_intent(), facts(exposure=exposure)) is None
    breach = request_breach(make_intent(), facts(exposure=exposure, flags=OFF))
    assert breach is not None
    assert breach.cap == cap


amounts = st.decimals(min_value=0, max_value=200_000, places=2)


@given(
    amounts,
    amounts,
    amounts,
    amounts,
    st.integers(0, 6),
    st.integers(0, 8),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_more_exposure_never_turns_a_no_into_a_yes(
    total: Decimal,
    more: Decimal,
    on_venue: Decimal,
    of_symbol: Decimal,
    hedges: int,
    orders: int,
    checks: bool,
    caps: bool,
    budgets: bool,
) -> None:
    flags = RiskFlags(checks, caps, budgets)
    less = held(
        total_notional_usdt=total,
        open_hedges=hedges,
        per_venue={"okx-perp": on_venue},
        per_symbol={"BTCUSDT": of_symbol},
        open_orders={"okx-perp": orders},
        per_strategy={"cross_exchange_arb": StrategyExposure(total, hedges)},
    )
    greater = held(
        total_notional_usdt=total + more,
        open_hedges=hedges + 1,
        per_venue={"okx-perp": on_venue + more},
        per_symbol={"BTCUSDT": of_symbol + more},
        open_orders={"okx-perp": orders + 1},
        per_strategy={"cross_exchange_arb": StrategyExposure(total + more, hedges + 1)},
    )
    before = decide(make_intent(), facts(exposure=less, flags=flags))
    after = decide(make_intent(), facts(exposure=greater, flags=flags))
    assert before.allowed or not after.allowed


@given(st.decimals(min_value=1, max_value=100_000, places=2), st.decimals(min_value=0, max_value=100_000, places=2))
def test_a_larger_intent_never_passes_where_a_smaller_does_not(notional: Decimal, more: Decimal) -> None:
    small = decide(make_intent(notional_usdt=notional), facts())
    large = decide(make_intent(notional_usdt=notional + more), facts())
    assert small.allowed or not large.allowed


def test_a_decision_costs_less_than_100_microseconds() -> None:
    intent, standing = make_intent(), facts(exposure=held(total_notional_usdt=D(50000), open_hedges=1))
    took = []
    for _ in range(2000):
        began = time.thread_time_ns()
        decide(intent, standing)
        took.append(time.thread_time_ns() - began)
    assert median(took) < 100_000


def test_the_decision_names_the_version_that_it_was_judged_by() -> None:
    decision: GateDecision = decide(make_intent(), facts(limits=limits_with(MAX_OPEN_POSITIONS=D(9))))
    assert decision.limits_version == 8


def test_reserved_notional_of_the_symbol_and_the_strategy_adds_to_what_is_held() -> None:
    of_symbol = Reserved(per_symbol={"BTCUSDT": D(24000)})
    assert decide(make_intent(), facts(reserved=of_symbol)).allowed
    assert decide(make_intent(notional_usdt=D(1000) + TICK), facts(reserved=of_symbol)).cap == "max_position_usdt"
    one = {"cross_exchange_arb": StrategyExposure(D(400), 1)}
    small = replace(STRATEGY, max_notional_usdt=D(1800))
    both = facts(strategy=small, exposure=held(per_strategy=one), reserved=Reserved(per_strategy=one))
    assert decide(make_intent(), both).allowed
    assert decide(make_intent(notional_usdt=D(1000) + TICK), both).cap == "max_notional_usdt"
    three = replace(both, reserved=Reserved(per_strategy={"cross_exchange_arb": StrategyExposure(D(0), 2)}))
    assert decide(make_intent(notional_usdt=D(1)), three).cap == "max_open_positions"


def test_what_nobody_holds_counts_as_nothing() -> None:
    tight = limits_with(MAX_POSITION_USDT=D(1000), MAX_OPEN_ORDERS=D(1))
    blank = {key: value for key, value in tight.values.items() if key[0] != "MAX_NOTIONAL_PER_EXCHANGE"}
    for venue in ("binance-um", "okx-perp"):
        blank["MAX_NOTIONAL_PER_EXCHANGE", venue] = D(1000)
    one_order = {**blank, ("MAX_OPEN_ORDERS", "okx-perp"): D(1)}
    assert decide(make_intent(), facts(limits=LimitsTable(9, one_order))).allowed


def test_a_skip_says_in_words_what_stands_in_the_way() -> None:
    frozen = decide(make_intent(), facts(strategy=replace(STRATEGY, frozen=True, freeze_reason="3 failures in a row")))
    assert (frozen.detail, frozen.limits_version) == ("3 failures in a row", 7)
    assert decide(make_intent(), facts(strategy=replace(STRATEGY, frozen=True))).detail == "the strategy is frozen"
    assert decide(make_intent(), facts(strategy=replace(STRATEGY, enabled=False))).detail == "strategy_disabled"
    used_up = decide(make_intent(), facts(strategy=replace(STRATEGY, used_today_usdt=D(600))))
    assert (used_up.cap, used_up.answer()["cap"]) == ("daily_loss_usdt", "daily_loss_usdt")
    assert "600" in used_up.answer()["detail"]


def test_a_dry_run_that_would_skip_nothing_says_so() -> None:
    calm = decide(make_intent(), facts(dry_run=True))
    assert (calm.allowed, calm.would_skip, calm.limits_version) == (True, "", 7)
    unchecked = decide(make_intent(), facts(dry_run=True, flags=OFF))
    assert unchecked.answer() == {"allowed": True, "reason": "risk_checks_disabled"}
    lossy = replace(STRATEGY, used_today_usdt=D(500))
    assert decide(make_intent(), facts(dry_run=True, flags=OFF, strategy=lossy)).would_skip == "budget_exceeded"


@pytest.mark.parametrize("flags", [RiskFlags(True, False, True), RiskFlags(False, True, True)])
def test_unless_both_flags_enforce_the_caps_a_full_desk_is_a_bad_request(flags: RiskFlags) -> None:
    assert request_breach(make_intent(), facts(exposure=held(open_hedges=3), flags=flags)) is not None


def test_no_strategy_has_no_capacity_to_pass() -> None:
    assert capacity_breach(make_intent(), facts(strategy=None)) is None
