"""Daily budgets over midnight, whatever beat has missed, and by hand once a day; strategies freeze and thaw."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest

from audit.models import AuditRecord, OpsAlert
from propbot.errors import RefusedError
from risk.intents import PnlFigures, StrategyPnl
from risk.models import Strategy, StrategyEvent
from risk.services import strategies as service
from risk.services.facts import last_reset_at, used_today
from tests.risk.figures import NOW, Cast, Figures
from trading.services.daily_pnl import daily_pnl_book
from trading.services.exposure import pnl_figures

D = Decimal
NAME = "cross_exchange_arb"
pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 0, 0, 0, tzinfo=UTC)


@pytest.fixture
def row(figures: Figures) -> Strategy:
    found = service.strategy_named(NAME)
    found.last_reset_at, found.loss_baseline_usdt = EVENING - timedelta(hours=5), D(-100)
    found.save()
    return found


def lost(amount: int) -> StrategyPnl:
    return StrategyPnl(realized_today_usdt=D(-amount))


def test_used_is_the_loss_since_the_last_reset(row: Strategy) -> None:
    assert used_today(row, lost(250), EVENING) == 150
    assert used_today(row, lost(50), EVENING) == 0


def test_the_day_begins_anew_at_midnight_with_beat_stopped(row: Strategy) -> None:
    assert used_today(row, lost(30), MORNING) == 30
    assert last_reset_at(row, MORNING) == MORNING
    row.refresh_from_db()
    assert row.last_reset_at < MORNING  # nobody wrote anything


def test_beat_writes_it_down_once_and_twice_changes_nothing(row: Strategy) -> None:
    assert service.budgets_roll_over(MORNING) == [NAME]
    assert service.budgets_roll_over(MORNING) == []
    row.refresh_from_db()
    assert (row.last_reset_at, row.loss_baseline_usdt) == (MORNING, 0)


def test_a_clock_that_stepped_back_resets_nothing_again(row: Strategy) -> None:
    service.budgets_roll_over(MORNING)
    row.refresh_from_db()
    assert service.budgets_roll_over(EVENING) == []
    assert last_reset_at(row, EVENING) == MORNING
    assert used_today(row, lost(30), EVENING) == 30


def test_a_reset_by_hand_is_recorded_alerted_and_allowed_once_a_day(cast: Cast, figures: Figures) -> None:
    figures.pnl = PnlFigures(taken_at=NOW, per_strategy={NAME: lost(400)}, unrealized_usdt=D(0))
    with cast.acting("alice"):
        row = service.budget_reset(name=NAME, reason="agreed with the desk")
        assert used_today(row, lost(450), datetime.now(UTC)) == 50
        with pytest.raises(RefusedError) as refused:
            service.budget_reset(name=NAME, reason="again")
    assert (refused.value.code, refused.value.status) == ("already_reset", 409)
    assert AuditRecord.objects.filter(action="BUDGET_RESET", person="alice").count() == 1
    assert OpsAlert.objects.filter(kind="budget_reset").count() == 1


def test_a_clock_that_stepped_back_over_midnight_opens_no_second_reset_by_hand(cast: Cast, row: Strategy) -> None:
    def reset_at(now: datetime) -> None:
        with patch.object(service, "utc_now", lambda: now), cast.acting("alice"):
            service.budget_reset(name=NAME, reason="agreed with the desk")

    reset_at(MORNING)
    with pytest.raises(RefusedError) as refused:
        reset_at(EVENING)
    assert refused.value.code == "already_reset"
    reset_at(MORNING + timedelta(days=1))


def test_a_loss_of_the_new_day_counts_when_the_clock_is_back_before_midnight(row: Strategy) -> None:
    for at, amount in ((EVENING, D(-200)), (MORNING, D(-40))):
        daily_pnl_book(strategy=NAME, simulated=False, amount=amount, at=at)
    assert pnl_figures(MORNING).per_strategy[NAME].realized_today_usdt == D(-40)
    back = pnl_figures(EVENING).per_strategy[NAME]
    assert (back.realized_today_usdt, back.realized_7d_usdt) == (D(-240), D(-240))
    daily_pnl_book(strategy=NAME, simulated=False, amount=D(-7), at=EVENING)
    assert pnl_figures(MORNING).per_strategy[NAME].realized_today_usdt == D(-47)
    assert pnl_figures(EVENING).realized_today_usdt == D(-247)


def test_failures_in_a_row_freeze_and_a_success_ends_the_row(row: Strategy) -> None:
    assert service.strategy_failure_count(NAME) == 1
    service.strategy_success_count(NAME)
    assert [service.strategy_failure_count(NAME) for _ in range(3)] == [1, 2, 3]
    row.refresh_from_db()
    assert row.frozen
    assert "3 failures in a row" in row.freeze_reason
    with pytest.raises(RefusedError) as refused:
        service.strategy_assert_active(NAME)
    assert (refused.value.code, refused.value.status) == ("strategy_frozen", 423)


def test_unfreezing_takes_two_people_and_begins_the_count_anew(cast: Cast, row: Strategy) -> None:
    service.strategy_freeze(name=NAME, reason="odd")
    with cast.acting("alice"):
        request = service.strategy_unfreeze_request(name=NAME, reason="understood")
    assert service.strategy_named(NAME).frozen
    cast.approve("bob", request)
    row.refresh_from_db()
    assert (row.frozen, row.consecutive_failures) == (False, 0)
    assert list(StrategyEvent.objects.values_list("kind", flat=True)) == ["unfreeze", "freeze"]


def test_a_throttle_latches_until_two_people_re_enable(cast: Cast, row: Strategy) -> None:
    service.strategy_throttle(name=NAME, reason="20 entries in a minute")
    service.strategy_throttle(name=NAME, reason="again")
    assert StrategyEvent.objects.filter(kind="throttle").count() == 1
    with cast.acting("alice"):
        request = service.strategy_enable_request(name=NAME, reason="fixed")
    assert request is not None
    cast.approve("bob", request)
    row.refresh_from_db()
    assert not row.throttled


def test_lowering_a_budget_is_at_once_and_raising_takes_two(cast: Cast, row: Strategy) -> None:
    with cast.acting("alice"):
        assert service.budget_change(name=NAME, field="max_notional_usdt", value=D(10), reason="r") is None
        request = service.budget_change(name=NAME, field="max_notional_usdt", value=D(90000), reason="r")
    assert request is not None
    assert request.sentence == "Raise max_notional_usdt of cross_exchange_arb from 10 to 90 000"
    cast.approve("bob", request)
    row.refresh_from_db()
    assert row.max_notional_usdt == 90000


def test_a_dry_run_freezes_nothing_for_its_losses(
    cast: Cast, figures: Figures, setting: Callable[..., None], row: Strategy
) -> None:
    setting(RISK_CHECKS_ENABLED=True, RISK_ENFORCE_BUDGETS=True)
    pnl = PnlFigures(taken_at=NOW, per_strategy={NAME: lost(9999)})
    assert service.freeze_on_daily_loss(pnl, EVENING) == []
