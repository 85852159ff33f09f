"""Autopilot: once per start, every blocker on the record, and nothing where it is not permitted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.models import AuditRecord, OpsAlert
from risk.intents import ExecutionFigures, ExposureSnapshot
from risk.models import AutopilotDecision, DeskStart, Strategy
from risk.services.autopilot import autopilot_evaluate
from risk.services.desk import desk_start, desk_stop_clean
from risk.services.hold import hold_engage
from risk.services.lease import lease_acquire, lease_release
from risk.services.strategies import strategy_freeze
from tests.risk.figures import Cast, Figures, the_desk, venue_figures

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)


def restart(name: str) -> int:
    epoch = lease_acquire(name)
    assert epoch is not None
    desk_start(epoch=epoch, build="b")
    return epoch


@pytest.fixture
def restarted(cast: Cast, figures: Figures, setting: Callable[..., None]) -> Cast:
    """A desk that ran, was stopped in order, and has started again."""
    setting(AUTOPILOT_ENABLE=True)
    first = restart("one")
    cast.run_desk()
    desk_stop_clean(epoch=first)
    lease_release("one", first)
    restart("two")
    DeskStart.objects.filter(epoch=first).update(started_at=datetime.now(UTC) - timedelta(hours=1))
    return cast


def evaluate(**later: Any) -> AutopilotDecision | None:
    return autopilot_evaluate(now=datetime.now(UTC) + timedelta(**later))


def test_with_every_blocker_clear_it_resumes_once(restarted: Cast) -> None:
    decision = evaluate()
    assert decision is not None
    assert (decision.verdict, decision.blockers) == ("resume", [])
    desk = the_desk()
    assert (desk.mode, desk.hold_active, desk.safe_mode, desk.dry_run) == ("RUN", False, False, True)
    assert desk.autopilot_armed
    assert AuditRecord.objects.get(action="autopilot_resume").person == "autopilot"
    alert = OpsAlert.objects.get(kind="autopilot_resume").text
    assert alert.startswith("AUTOPILOT: resumed trading after restart (reason=")
    hold_engage(reason="stop", source="alice")
    assert evaluate() is None
    assert the_desk().hold_active


def test_it_waits_for_the_second_clean_round_or_120_seconds(restarted: Cast, figures: Figures) -> None:
    figures.clean_rounds = 1
    assert evaluate() is None
    decision = evaluate(seconds=121)
    assert decision is not None
    assert decision.blockers == ["reconciliation: 1 clean rounds of 2"]


def set_execution(figures: Figures) -> None:
    figures.execution = ExecutionFigures(orders_last_minute=240)


def set_partial(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=datetime.now(UTC), partial_hedges=1)


def set_exposure(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=datetime.now(UTC), total_notional_usdt=D(10**6))


def set_unreachable(figures: Figures) -> None:
    figures.venues = [venue_figures("okx-perp", reachable=None)]


def set_clock(figures: Figures) -> None:
    figures.venues = [venue_figures("okx-perp", clock_breaches=1)]


def set_unproven(figures: Figures) -> None:
    figures.unproven = 1


BLOCKERS: list[tuple[str, Callable[[Figures], Any]]] = [
    ("runaway", set_execution),
    ("partial_hedges", set_partial),
    ("risk_breach", set_exposure),
    ("venue_unreachable", set_unreachable),
    ("clock", set_clock),
    ("unresolved_orders", set_unproven),
    ("frozen_strategy", lambda _: strategy_freeze(name="cross_exchange_arb", reason="r")),
    ("auto_hedge_failures", lambda _: Strategy.objects.update(consecutive_failures=1)),
    ("budget_exhausted", lambda _: Strategy.objects.update(daily_loss_usdt=0)),
    ("manual_hold", lambda _: hold_engage(reason="wait", source="alice")),
    ("unclean_stop", lambda _: DeskStart.objects.update(stopped_at=None)),
    ("second_start", lambda _: DeskStart.objects.update(started_at=datetime.now(UTC))),
    ("configuration_changed", lambda _: DeskStart.objects.filter(stopped_at=None).update(fingerprint="other")),
]


@pytest.mark.parametrize(("name", "block"), BLOCKERS)
def test_each_blocker_refuses_and_is_on_the_record(
    restarted: Cast, figures: Figures, name: str, block: Callable[[Figures], Any]
) -> None:
    block(figures)
    decision = evaluate()
    assert decision is not None
    assert decision.verdict == "refuse"
    assert any(item.startswith(name) for item in decision.blockers), decision.blockers
    assert the_desk().hold_active
    assert AuditRecord.objects.filter(action="autopilot_resume_refused").exists()
    alert = OpsAlert.objects.get(kind="autopilot_resume_refused").text
    assert alert.startswith("AUTOPILOT refused to arm (reason=")


def test_a_desk_that_was_not_running_stays_stopped(cast: Cast, figures: Figures, setting: Callable[..., None]) -> None:
    setting(AUTOPILOT_ENABLE=True)
    restart("one")
    decision = evaluate()
    assert decision is not None
    assert decision.verdict == "refuse"


def test_it_does_nothing_where_it_is_not_enabled(cast: Cast, figures: Figures) -> None:
    restart("one")
    assert evaluate(hours=1) is None
    assert not AutopilotDecision.objects.exists()
