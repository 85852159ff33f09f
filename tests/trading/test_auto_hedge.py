"""Auto-hedge and the loop: through the same order of checks, skipping with a recorded reason, stopping after failures."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from propbot.clock import utc_now
from risk.models import ControlSettings, DeskState
from risk.selectors import control_row
from risk.services.hold import hold_engage
from tests.access.people import Cast
from tests.engine.desk import SHORT, SYMBOLS, Desk
from tests.risk.conftest import Figures
from tests.trading.market import grown_basis
from trading.models import Hedge, HedgeAttempt, Instrument, TaskState, UniverseEntry
from trading.quotes import board
from trading.selectors.attempts import auto_hedge_payload, last_plan
from trading.services.auto_hedge import auto_hedge_step
from trading.services.loop import loop_step
from trading.services.scanning import scan

D = Decimal
Switch = Callable[..., None]


@pytest.fixture
def ready(desk: Desk, figures: Figures) -> Desk:
    for symbol in SYMBOLS:
        UniverseEntry.objects.create(symbol=symbol, allowed=True, changed_at=utc_now())
        grown_basis("5", symbol)
    Instrument.objects.update(
        funding_rate=D("0.00001"), funding_interval_hours=D(8), next_funding_at=utc_now() + timedelta(hours=5)
    )
    control_row()
    ControlSettings.objects.update(auto_hedge_enabled=True)
    return desk


def dislocate(desk: Desk, symbol: str = "BTCUSDT", *, seconds: int = 4) -> None:
    desk.simulator.ask("/control/dislocate", "POST", {"venue": SHORT, "symbol": symbol, "bps": 70, "seconds": seconds})
    for venue in ("binance-um", SHORT):
        board().forget(venue, [symbol])


def log_of(kind: str = "auto_hedge") -> list[tuple[str, str]]:
    return list(HedgeAttempt.objects.filter(kind=kind).order_by("created_at").values_list("result", "reason"))


def test_it_takes_the_allowed_opportunity_and_logs_itself_as_initiator(ready: Desk) -> None:
    dislocate(ready)
    scan(now=utc_now())
    assert auto_hedge_step(now=utc_now()) == "opened"
    hedge = Hedge.objects.get()
    assert (hedge.status, hedge.initiator) == ("open", "auto_hedge")
    assert log_of() == [("opened", "")]
    shown = auto_hedge_payload(enabled=True)
    assert (shown["last_execution_result"], shown["consecutive_failures"]) == ("opened", 0)
    assert shown["last_success_ts"] is not None


def test_the_same_dislocation_is_not_bought_twice(ready: Desk) -> None:
    dislocate(ready)
    scan(now=utc_now())
    auto_hedge_step(now=utc_now())
    scan(now=utc_now())
    assert auto_hedge_step(now=utc_now()) == "already_hedged"
    assert Hedge.objects.count() == 1


def test_switched_off_it_does_nothing(ready: Desk) -> None:
    ControlSettings.objects.update(auto_hedge_enabled=False)
    dislocate(ready)
    scan(now=utc_now())
    assert auto_hedge_step(now=utc_now()) == "disabled"
    assert log_of() == []


def test_under_hold_it_skips_and_one_row_tells_why_however_often_it_looks(ready: Desk) -> None:
    dislocate(ready)
    scan(now=utc_now())
    hold_engage(reason="test", source="test")
    assert [auto_hedge_step(now=utc_now()) for _ in range(3)] == ["hold_active"] * 3
    assert log_of() == [("skipped", "hold_active")]
    assert DeskState.objects.get().hold_active


def test_without_an_allowed_opportunity_it_skips(ready: Desk) -> None:
    UniverseEntry.objects.exclude(symbol="SOLUSDT").update(allowed=False)
    scan(now=utc_now())
    assert auto_hedge_step(now=utc_now()) == "no_allowed_opportunity"


def test_a_partial_hedge_stands_in_its_way(ready: Desk, figures: Figures) -> None:
    from dataclasses import replace

    dislocate(ready)
    scan(now=utc_now())
    figures.exposure = replace(figures.exposure, partial_hedges=1)
    assert auto_hedge_step(now=utc_now()).startswith("edge_guard")
    assert not Hedge.objects.exists()


def test_more_failures_in_a_minute_than_allowed_stop_the_desk(ready: Desk) -> None:
    now = utc_now()
    for _ in range(4):
        HedgeAttempt.objects.create(
            kind="auto_hedge", status="done", initiator="auto_hedge", symbol="BTCUSDT", result="failed",
            created_at=now, not_after=now, finished_at=now,
        )  # fmt: skip
    dislocate(ready)
    scan(now=utc_now())
    auto_hedge_step(now=utc_now())
    desk_row = DeskState.objects.get()
    assert desk_row.hold_active
    assert desk_row.hold_source == "auto_hedge"


def test_the_loop_plans_in_run_and_opens_only_with_auto_hedge_on(ready: Desk) -> None:
    ControlSettings.objects.update(auto_hedge_enabled=False, poll_interval_sec=D("0.5"), loop_pair="ETHUSDT")
    dislocate(ready, "ETHUSDT", seconds=15)
    plan = loop_step(now=utc_now())
    assert plan is not None
    assert (plan["symbol"], plan["viable"], plan["executed"]) == ("ETHUSDT", True, None)
    assert last_plan() == plan
    ControlSettings.objects.update(auto_hedge_enabled=True)
    again = loop_step(now=utc_now() + timedelta(seconds=5))
    assert again is not None
    assert again["executed"] == "opened"
    assert Hedge.objects.get().initiator == "loop"


def test_the_loop_keeps_its_interval_and_stands_still_outside_run(ready: Desk) -> None:
    ControlSettings.objects.update(poll_interval_sec=D(60))
    assert loop_step(now=utc_now()) is not None
    assert loop_step(now=utc_now() + timedelta(seconds=5)) is None
    TaskState.objects.all().delete()
    hold_engage(reason="test", source="test")
    assert loop_step(now=utc_now() + timedelta(seconds=100)) is None


def test_a_plan_that_does_not_earn_says_so(ready: Desk) -> None:
    ControlSettings.objects.update(loop_pair="SOLUSDT", loop_venues=["binance-um", "okx-perp"])
    plan = loop_step(now=utc_now())
    assert plan is not None
    assert (plan["symbol"], plan["viable"], plan["reason"]) == ("SOLUSDT", False, "net_edge_below_minimum")
    assert not Hedge.objects.exists()


def test_what_it_does_is_audited_as_its_own(ready: Desk, cast: Cast) -> None:
    from audit.models import AuditRecord

    dislocate(ready)
    scan(now=utc_now())
    auto_hedge_step(now=utc_now())
    assert set(AuditRecord.objects.filter(action="hedge_auto_hedge").values_list("person", flat=True)) == {"auto_hedge"}
