"""What a proposed change would do, before the second person is asked: headroom, worst case and value at risk."""

from dataclasses import replace
from decimal import Decimal

import pytest

from approvals.models import ApprovalRequest
from risk import ports as risk_ports
from risk.intents import ExposureSnapshot, StrategyExposure
from risk.reports.what_if import UNKNOWN, most_notional, what_if
from risk.services.control import control_change
from risk.services.limits import limit_change, limits_read
from risk.services.strategies import (
    budget_change,
    strategy_disable,
    strategy_enable_request,
    strategy_freeze,
    strategy_switch_execute,
    strategy_unfreeze_request,
)
from risk.var import BookLine
from tests.risk.figures import NOW, Cast, Figures

D = Decimal
NAME = "cross_exchange_arb"
pytestmark = pytest.mark.django_db


def book(figures: Figures, notional: str, samples: int = 200) -> None:
    line = BookLine(
        symbol="BTCUSDT",
        notional_usdt=D(notional),
        net_base_usdt=D(0),
        venues=("binance-um", "okx-perp"),
        changes={"1h": [], "1d": [D(20)] * samples},
    )
    risk_ports.register(replace(figures.ports(), book=lambda now: [line]))


def test_the_caps_bind_together(figures: Figures) -> None:
    assert most_notional(limits_read()) == D(50000)  # two venues of 50,000 hold 50,000 of hedges
    assert most_notional(limits_read().with_value("MAX_OPEN_POSITIONS", "", D(1))) == D(25000)
    assert most_notional(limits_read().with_value("MAX_TOTAL_NOTIONAL_USDT", "", D(10000))) == D(10000)


def test_a_higher_cap_shows_what_it_lets_happen(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=NOW, total_notional_usdt=D(10000), open_hedges=1)
    book(figures, "10000")
    before = what_if("MAX_TOTAL_NOTIONAL_USDT", "", D(20000))
    after = what_if("MAX_TOTAL_NOTIONAL_USDT", "", D(40000))
    assert (before["headroom"], after["headroom"]) == ("10000", "30000")
    assert (before["worst_case_loss_usdt"], after["worst_case_loss_usdt"]) == ("1000.00", "2000.00")
    # 20 bps of 10,000 are 20 USDT a day; twice and four times as much may be open
    assert (before["var_1d_99_at_full_use_usdt"], after["var_1d_99_at_full_use_usdt"]) == ("40.00", "80.00")


def test_without_a_history_the_value_at_risk_is_unknown_and_not_zero(figures: Figures) -> None:
    assert what_if("MAX_OPEN_POSITIONS", "", D(5))["var_1d_99_at_full_use_usdt"] == UNKNOWN
    book(figures, "10000", samples=99)
    assert what_if("MAX_OPEN_POSITIONS", "", D(5))["var_1d_99_at_full_use_usdt"] == UNKNOWN


def test_the_request_carries_it_before_and_after(cast: Cast, figures: Figures) -> None:
    book(figures, "10000")
    with cast.acting("alice"):
        pending = limit_change(name="MAX_TOTAL_NOTIONAL_USDT", value=D(90000), reason="growth").pending
    assert pending is not None
    for effects in (pending.before, pending.after):
        assert {"headroom", "worst_case_loss_usdt", "var_1d_99_at_full_use_usdt"} <= set(effects)
    assert pending.before["worst_case_loss_usdt"] == pending.after["worst_case_loss_usdt"]  # the venue caps bind


def both(pending: ApprovalRequest | None, *names: str) -> list[tuple[str, str]]:
    """Before and after of each figure, as the second person sees them."""
    assert pending is not None
    return [(pending.before[name], pending.after[name]) for name in names]


FIGURES = ("headroom", "worst_case_loss_usdt", "var_1d_99_at_full_use_usdt")


def open_now(figures: Figures, notional: str) -> None:
    use = {NAME: StrategyExposure(D(notional), 1)}
    figures.exposure = ExposureSnapshot(taken_at=NOW, total_notional_usdt=D(notional), open_hedges=1, per_strategy=use)
    book(figures, notional)


def test_a_higher_budget_shows_what_the_strategy_may_lose_then(cast: Cast, figures: Figures) -> None:
    open_now(figures, "10000")
    with cast.acting("alice"):
        assert budget_change(name=NAME, field="max_notional_usdt", value=D(15000), reason="less") is None
        pending = budget_change(name=NAME, field="max_notional_usdt", value=D(40000), reason="more")
    assert both(pending, *FIGURES) == [("5000", "30000"), ("750.00", "2000.00"), ("30.00", "80.00")]


def test_a_higher_daily_budget_shows_the_loss_that_freezes(cast: Cast, figures: Figures) -> None:
    with cast.acting("alice"):
        pending = budget_change(name=NAME, field="daily_loss_usdt", value=D(900), reason="more")
    assert both(pending, "daily_loss_that_freezes_usdt") == [("500", "900")]


def test_enabling_and_unfreezing_a_strategy_show_what_it_may_open(cast: Cast, figures: Figures) -> None:
    book(figures, "10000")
    with cast.acting("alice"):
        strategy_disable(name=NAME, reason="looking")
        pending = strategy_enable_request(name=NAME, reason="understood")
    expected = [("0", "50000"), ("0.00", "2500.00"), ("0.00", "100.00")]
    assert both(pending, *FIGURES) == expected
    with cast.acting("alice"):
        strategy_switch_execute(name=NAME, enabled=True, reason="r")
        strategy_freeze(name=NAME, reason="odd")
        pending = strategy_unfreeze_request(name=NAME, reason="understood")
    assert both(pending, *FIGURES) == expected


def test_safe_mode_and_dry_run_off_show_what_may_be_lost_from_then_on(cast: Cast, figures: Figures) -> None:
    open_now(figures, "10000")
    cast.clear_hold()
    for flag, action in (("safe_mode", "safe_mode_off"), ("dry_run_mode", "dry_run_off")):
        with cast.acting("alice"):
            [pending] = control_change(changes={flag: False}, reason="go").requests
        cast.approve("bob", pending)
        assert pending.action == action
        assert both(pending, *FIGURES[1:]) == [("500.00", "2500.00"), ("20.00", "100.00")]
        assert pending.before["headroom"] == "0"
        assert D(pending.after["headroom"]) > 0


def test_a_looser_control_shows_what_machines_do_then(cast: Cast, figures: Figures) -> None:
    with cast.acting("alice"):
        control_change(changes={"reduce_only": True}, reason="careful")
        changes = {"reduce_only": False, "auto_hedge_enabled": True, "order_notional_usdt": D(500)}
        [pending] = control_change(changes=changes, reason="go").requests
    assert both(pending, "headroom", "worst_case_loss_usdt") == [("0", "50000"), ("0.00", "2500.00")]
    assert both(pending, "opened_by_machines_at_once_usdt") == [("0", "500")]
    assert both(pending, "one_hedge_loss_with_one_venue_down_5pct_usdt") == [("12.50", "25.00")]
    assert both(pending, "one_hedge_entry_slippage_at_most_usdt") == [("0.10", "0.20")]
