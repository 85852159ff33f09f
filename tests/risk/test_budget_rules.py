"""The daily budget's pure rules: used since the last reset, anew at 00:00 UTC, one tick at each bound."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.budgets import BudgetBase, baseline_of, day_is_new, last_full_at, loss_freezes, remaining, used_today

D = Decimal
TICK = D("0.000000000000000001")
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
EVENING = MIDNIGHT - timedelta(seconds=1)
RESET = BudgetBase(EVENING - timedelta(hours=5), D(-100))


def test_the_loss_counts_from_the_reset_by_hand_until_the_day_ends() -> None:
    assert used_today(RESET, D(-250), EVENING) == D(150)
    assert used_today(RESET, D(-250), MIDNIGHT) == D(250)


def test_a_profit_uses_nothing() -> None:
    assert used_today(RESET, D(10), EVENING) == D(0)
    assert used_today(RESET, D(10), MIDNIGHT) == D(0)
    assert used_today(BudgetBase(MIDNIGHT, D(50)), D(20), MIDNIGHT) == D(30)


def test_a_day_is_new_only_for_what_was_reset_before_it() -> None:
    assert day_is_new(RESET, MIDNIGHT)
    assert not day_is_new(RESET, EVENING)
    assert not day_is_new(BudgetBase(MIDNIGHT, D(-1)), MIDNIGHT)
    assert baseline_of(BudgetBase(MIDNIGHT, D(-7)), MIDNIGHT) == D(-7)
    assert baseline_of(RESET, MIDNIGHT) == D(0)


def test_a_budget_was_last_full_at_midnight_or_at_the_reset() -> None:
    assert last_full_at(RESET, MIDNIGHT + timedelta(hours=3)) == MIDNIGHT
    assert last_full_at(RESET, EVENING) == RESET.last_reset_at


def test_a_clock_that_stepped_back_over_midnight_resets_nothing_again() -> None:
    after = BudgetBase(MIDNIGHT, D(0))
    assert not day_is_new(after, EVENING)
    assert last_full_at(after, EVENING) == MIDNIGHT
    assert used_today(after, D(-30), EVENING) == D(30)


@pytest.mark.parametrize(("used", "freezes"), [(D(500) - TICK, False), (D(500), False), (D(500) + TICK, True)])
def test_a_loss_beyond_the_limit_freezes(used: Decimal, freezes: bool) -> None:
    assert loss_freezes(used, D(500)) is freezes


def test_what_is_no_number_freezes() -> None:
    assert loss_freezes(D("Infinity"), D(500))


def test_what_remains_is_never_negative() -> None:
    assert remaining(D(120), D(500)) == D(380)
    assert remaining(D(501), D(500)) == D(0)


amounts = st.decimals(min_value=-10_000, max_value=10_000, places=2)


@given(amounts, amounts, st.integers(0, 90_000))
def test_a_greater_loss_never_uses_less(realized: Decimal, worse_by: Decimal, seconds: int) -> None:
    now = EVENING + timedelta(seconds=seconds)
    assert used_today(RESET, realized - abs(worse_by), now) >= used_today(RESET, realized, now)
