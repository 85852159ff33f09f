"""What a proposed change would do, before the second person is asked: headroom, worst case and value at risk."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk import ports as risk_ports
from risk.intents import ExposureSnapshot
from risk.reports.what_if import UNKNOWN, most_notional, what_if
from risk.services.limits import limit_change, limits_read
from risk.var import BookLine
from tests.risk.figures import NOW, Cast, Figures

D = Decimal
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
