"""The whole table of issue 4: every cap and both budgets one tick under, at and over their limit, under every
combination of the three flags and dry run. What is expected is worked out here by the words of SPEC 7, not by the gate.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from risk.gate import CAPS, GateFacts, Reserved, RiskFlags, StrategyFacts, decide, request_breach
from risk.intents import ExposureSnapshot, StrategyExposure
from risk.limits import RULES, LimitsTable
from tests.risk.plain import NOW, make_intent

D = Decimal
TICK = D("0.000000000000000001")
NAME = "cross_exchange_arb"
WIDE = D(10) ** 9
INTENT = make_intent(notional_usdt=D(1000))
SIDES = {"under": -1, "at": 0, "over": 1}
FLAGS = [RiskFlags(*flags) for flags in product((False, True), repeat=3)]


@dataclass(frozen=True)
class Case:
    """``held`` is what stands once the intent is added, exactly at the limit; one ``tick`` more passes it.

    ``kind``: a cap, the strategy's capacity, the daily budget (which is used up at its limit), or the request itself.
    """

    name: str
    kind: str
    limit: tuple[str, str]
    where: str
    scope: str = ""
    reserved: bool = False
    counts: bool = False

    @property
    def tick(self) -> Decimal:
        return D(1) if self.counts else TICK

    @property
    def cap(self) -> str:
        return self.limit[0].lower()


LONG, SHORT = INTENT.long_venue, INTENT.short_venue
CASES = [
    Case("positions", "cap", ("MAX_OPEN_POSITIONS", ""), "open_hedges", counts=True),
    Case("positions reserved", "cap", ("MAX_OPEN_POSITIONS", ""), "hedges", reserved=True, counts=True),
    Case("total", "cap", ("MAX_TOTAL_NOTIONAL_USDT", ""), "total_notional_usdt"),
    Case("total reserved", "cap", ("MAX_TOTAL_NOTIONAL_USDT", ""), "notional_usdt", reserved=True),
    Case("long venue", "cap", ("MAX_NOTIONAL_PER_EXCHANGE", LONG), "per_venue", LONG),
    Case("short venue", "cap", ("MAX_NOTIONAL_PER_EXCHANGE", SHORT), "per_venue", SHORT),
    Case("venue reserved", "cap", ("MAX_NOTIONAL_PER_EXCHANGE", SHORT), "per_venue", SHORT, reserved=True),
    Case("symbol", "cap", ("MAX_POSITION_USDT", ""), "per_symbol", INTENT.symbol),
    Case("symbol's own", "cap", ("MAX_POSITION_USDT", INTENT.symbol), "per_symbol", INTENT.symbol),
    Case("symbol reserved", "cap", ("MAX_POSITION_USDT", ""), "per_symbol", INTENT.symbol, reserved=True),
    Case("orders", "cap", ("MAX_OPEN_ORDERS", ""), "open_orders", LONG, counts=True),
    Case("venue's own orders", "cap", ("MAX_OPEN_ORDERS", SHORT), "open_orders", SHORT, counts=True),
    Case("capacity", "capacity", ("max_notional_usdt", ""), "open_notional_usdt"),
    Case("capacity reserved", "capacity", ("max_notional_usdt", ""), "open_notional_usdt", reserved=True),
    Case("capacity in hedges", "capacity", ("max_open_positions", ""), "open_hedges", counts=True),
    Case("daily loss", "budget", ("daily_loss_usdt", ""), "used_today_usdt"),
]
REQUESTS = [
    ("MAX_NOTIONAL_PER_POSITION_USDT", "notional_usdt", INTENT.notional_usdt),
    ("MAX_LEVERAGE", "leverage", INTENT.leverage),
]
LIMIT = {True: D(5), False: D(50_000)}


def limits_with(case: Case | None, **base: Decimal) -> LimitsTable:
    """Wide open but for the limit under test."""
    rows: dict[tuple[str, str], Decimal | None] = {
        (name, ""): WIDE for name in RULES if name != "MAX_NOTIONAL_PER_EXCHANGE"
    }
    rows |= {("MAX_NOTIONAL_PER_EXCHANGE", venue): WIDE for venue in (LONG, SHORT)}
    rows |= {(name, ""): value for name, value in base.items()}
    if case is not None and case.kind == "cap":
        rows[case.limit] = LIMIT[case.counts]
    return LimitsTable(1, rows)


def before_the_intent(case: Case, side: str) -> Decimal:
    added = D(1) if case.counts else INTENT.notional_usdt
    if case.kind == "budget":
        added = D(0)  # what is lost does not grow by asking
    return LIMIT[case.counts] - added + SIDES[side] * case.tick


def facts_of(case: Case, side: str, flags: RiskFlags, *, dry_run: bool) -> GateFacts:
    value = before_the_intent(case, side)
    amount: Any = int(value) if case.counts else value
    strategy = StrategyFacts(NAME, True, False, "", False, WIDE, 10**9, WIDE, D(0))
    exposure, reserved = ExposureSnapshot(taken_at=NOW), Reserved()
    if case.kind == "budget":
        strategy = replace(strategy, daily_loss_usdt=LIMIT[False], used_today_usdt=value)
    elif case.kind == "capacity":
        limit: Any = LIMIT[case.counts]
        strategy = replace(strategy, **{case.limit[0]: int(limit) if case.counts else limit})
        use = {NAME: StrategyExposure(**{case.where: amount})}
        exposure, reserved = (
            (exposure, Reserved(per_strategy=use)) if case.reserved else (replace(exposure, per_strategy=use), reserved)
        )
    else:
        put = {case.where: {case.scope: amount} if case.scope else amount}
        exposure, reserved = (
            (exposure, replace(reserved, **put)) if case.reserved else (replace(exposure, **put), reserved)
        )
    return GateFacts(flags, limits_with(case), exposure, reserved, strategy, dry_run)


def blocks(case: Case, flags: RiskFlags) -> bool:
    """SPEC 7: caps by two flags, the daily budget by two others, capacity whatever they say."""
    enforced = {"cap": flags.checks and flags.caps, "budget": flags.checks and flags.budgets, "capacity": True}
    return enforced[case.kind]


WORDS = {
    "cap": ("SKIPPED_BY_RISK", "caps_exceeded", "caps_exceeded"),
    "capacity": ("BUDGET_BLOCKED", "strategy_budget_exceeded", "budget_exceeded"),
    "budget": ("SKIPPED_BY_RISK", "budget_exceeded", "budget_exceeded"),
}


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_each_limit_one_tick_under_at_and_over_under_every_flag_and_in_dry_run(case: Case) -> None:
    for side, flags, dry_run in product(SIDES, FLAGS, (False, True)):
        passed = side == "over" or (case.kind == "budget" and side == "at")
        decision = decide(INTENT, facts_of(case, side, flags, dry_run=dry_run))
        told = f"{side} {flags} dry_run={dry_run}"
        state, reason, metric = WORDS[case.kind]
        if passed and not dry_run and blocks(case, flags):
            assert not decision.allowed, told
            answer = decision.answer()
            assert (answer["status"], answer["state"]) == ("skipped", state), told
            assert (answer["reason"], answer["cap"]) == (reason, case.cap), told
            assert decision.metric_reason == metric, told
            continue
        assert decision.allowed, told
        assert decision.would_skip == (metric if passed and dry_run else ""), told
        if not flags.checks:
            assert decision.answer() == {"allowed": True, "reason": "risk_checks_disabled"}, told
        elif dry_run:
            assert decision.answer() == {"allowed": True, "why": "dry_run_no_enforce"}, told


def test_the_table_holds_every_cap_of_the_gate_and_both_budgets() -> None:
    assert {case.limit[0] for case in CASES if case.kind == "cap"} == {
        "MAX_OPEN_POSITIONS",
        "MAX_TOTAL_NOTIONAL_USDT",
        "MAX_NOTIONAL_PER_EXCHANGE",
        "MAX_POSITION_USDT",
        "MAX_OPEN_ORDERS",
    }
    assert len(CAPS) == len({case.limit[0] for case in CASES if case.kind == "cap"})
    assert {case.kind for case in CASES} == {"cap", "capacity", "budget"}


@pytest.mark.parametrize(("limit", "field", "value"), REQUESTS)
def test_the_request_itself_one_tick_under_at_and_over_whatever_the_flags(
    limit: str, field: str, value: Decimal
) -> None:
    """400 ``limit_exceeded`` with its cap: size and leverage bind with the flags off and in dry run, too."""
    strategy = StrategyFacts(NAME, True, False, "", False, WIDE, 10**9, WIDE, D(0))
    table = limits_with(None, **{limit: value})
    for side, flags, dry_run in product(SIDES, FLAGS, (False, True)):
        intent = make_intent(**{"notional_usdt": D(1000), "leverage": D(1), field: value + SIDES[side] * TICK})
        standing = GateFacts(flags, table, ExposureSnapshot(taken_at=NOW), Reserved(), strategy, dry_run)
        breach = request_breach(intent, standing)
        assert (breach.cap if breach else None) == (limit.lower() if side == "over" else None), (side, flags)


@pytest.mark.parametrize("case", CASES[:4], ids=named)
def test_without_enforced_caps_positions_and_total_refuse_the_request(case: Case) -> None:
    """SPEC 6: with the flags off these two are 400; with caps enforced the gate's 200 answers for them."""
    for side, flags in product(SIDES, FLAGS):
        breach = request_breach(INTENT, facts_of(case, side, flags, dry_run=False))
        refused = side == "over" and not (flags.checks and flags.caps)
        assert (breach.cap if breach else None) == (case.cap if refused else None), (side, flags)
