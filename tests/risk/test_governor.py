"""The governor at work: it stores what it saw, engages HOLD once, adopts files, freezes and alarms."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.models import ApprovalRequest
from audit.models import OpsAlert
from propbot.clock import utc_now
from propbot.console.selectors.records import governor_figures
from risk import hold_file
from risk.intents import ExposureSnapshot, PnlFigures, StrategyPnl
from risk.models import GovernorSample, Reservation, Strategy
from risk.ports import PortsNotRegisteredError
from risk.reports.snapshot import risk_snapshot_payload
from risk.services.desk import resume_request
from risk.services.governor import fresh_sample, governor_sample, throttle_read
from risk.services.hold import hold_engage
from risk.services.strategies import strategy_named
from risk.tasks import governor_tick
from risk.throttle import REPEATS_PER_MINUTE
from tests.risk.figures import NOW, Cast, Figures, the_desk, venue_figures

D = Decimal
TICK = D("0.000000000000000001")


@pytest.mark.django_db
def test_beat_samples_only_while_the_trader_does_not(figures: Figures) -> None:
    governor_sample()
    governor_tick()
    assert GovernorSample.objects.count() == 1
    GovernorSample.objects.update(at=NOW)
    governor_tick()
    assert GovernorSample.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_breach_engages_hold_once_and_keeps_the_pending_resume(cast: Cast, figures: Figures) -> None:
    cast.run_desk()
    figures.exposure = ExposureSnapshot(taken_at=NOW, total_notional_usdt=D(80000))
    sample = governor_sample()
    desk = the_desk()
    assert (desk.hold_active, desk.hold_source, desk.mode) == (True, "governor", "HOLD")
    assert "passes MAX_TOTAL_NOTIONAL_USD" in desk.hold_reason
    assert sample.breaches[0][0] == "total_notional"
    with cast.acting("alice"):
        request = resume_request(reason="looking")
    governor_sample()
    assert the_desk().hold_id == desk.hold_id
    assert ApprovalRequest.objects.get(pk=request.pk).status == "pending"
    cast.approve("bob", request)
    governor_sample()
    assert the_desk().hold_id == desk.hold_id + 1


@pytest.mark.django_db(transaction=True)
def test_a_hold_file_that_someone_put_becomes_a_hold(cast: Cast, figures: Figures, data_dir: Any) -> None:
    cast.run_desk()
    (data_dir / "HOLD").write_text('{"reason": "panic", "source": "panic", "hold_id": null, "at": ""}')
    governor_sample()
    desk = the_desk()
    assert (desk.hold_active, desk.hold_reason, desk.hold_source) == (True, "panic", "panic")
    assert (hold_file.read() or {})["hold_id"] == desk.hold_id


@pytest.mark.django_db
def test_a_sample_is_stored_with_what_is_unknown_as_null(figures: Figures) -> None:
    figures.pnl = PnlFigures(taken_at=NOW, unrealized_usdt=None)
    figures.venues = [venue_figures("okx-perp", clock_skew_ms=None)]
    governor_sample()
    row = GovernorSample.objects.get()
    assert (row.unrealized_usdt, row.clock_skew_ms) == (None, None)


@pytest.mark.django_db
def test_a_sample_serves_for_a_second_and_not_longer(figures: Figures) -> None:
    first = fresh_sample()
    assert fresh_sample().pk == first.pk
    GovernorSample.objects.update(at=NOW)
    assert fresh_sample().pk != first.pk


@pytest.mark.django_db
def test_without_trading_there_is_no_sample_and_no_pass() -> None:
    from risk import ports

    before = list(ports._registered)
    ports._registered.clear()
    try:
        with pytest.raises(PortsNotRegisteredError):
            fresh_sample()
    finally:
        ports._registered[:] = before


@pytest.mark.django_db(transaction=True)
def test_a_strategy_that_lost_too_much_freezes_where_budgets_are_enforced(
    cast: Cast, figures: Figures, setting: Callable[..., None]
) -> None:
    setting(RISK_CHECKS_ENABLED=True, RISK_ENFORCE_BUDGETS=True)
    cast.run_desk(dry_run=False)
    loss = {"cross_exchange_arb": StrategyPnl(realized_today_usdt=D(-500))}
    figures.pnl = PnlFigures(taken_at=NOW, realized_today_usdt=D(-500), unrealized_usdt=D(0), per_strategy=loss)
    governor_sample()
    assert not Strategy.objects.get(name="cross_exchange_arb").frozen
    loss["cross_exchange_arb"] = StrategyPnl(realized_today_usdt=D(-500) - TICK)
    governor_sample()
    assert Strategy.objects.get(name="cross_exchange_arb").frozen
    hold_engage(reason="r", source="s")


@pytest.mark.django_db(transaction=True)
def test_a_margin_alarm_sounds_once_per_step(cast: Cast, figures: Figures, setting: Callable[..., None]) -> None:
    setting(PROFILE="simulator", DRY_RUN_ONLY=False)
    figures.venues = [venue_figures("okx-perp", margin_ratio=D("0.7"))]
    governor_sample()
    governor_sample()
    figures.venues = [venue_figures("okx-perp", margin_ratio=D("0.9"))]
    governor_sample()
    kinds = OpsAlert.objects.filter(kind__startswith="margin_").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["margin_alarm", "margin_reduce"]


@pytest.mark.django_db(transaction=True)
def test_a_strategy_that_repeats_itself_more_than_thirty_times_a_minute_is_latched(figures: Figures) -> None:
    def journal(count: int, *, seconds_ago: int = 1, simulated: bool = False) -> None:
        at = utc_now() - timedelta(seconds=seconds_ago)
        Reservation.objects.bulk_create(
            Reservation(
                hedge_id=uuid.uuid4(),
                strategy="cross_exchange_arb",
                symbol="BTCUSDT",
                long_venue="binance-um",
                short_venue="okx-perp",
                notional_usdt=D(1),
                simulated=simulated,
                status="released",
                limits_version=1,
                created_at=at,
            )
            for _ in range(count)
        )

    def latched() -> bool:
        governor_sample()
        return Strategy.objects.get(name="cross_exchange_arb").throttled

    strategy_named("cross_exchange_arb")
    journal(REPEATS_PER_MINUTE)
    journal(5, seconds_ago=61)
    journal(50, simulated=True)
    assert not latched()
    journal(1)
    assert latched()
    Reservation.objects.all().delete()
    assert latched()  # until a person re-enables it
    assert OpsAlert.objects.filter(kind="strategy_throttled").count() == 1
    assert "31 real hedges" in OpsAlert.objects.get(kind="strategy_throttled").text


@pytest.mark.django_db
def test_the_throttle_follows_the_ledger(figures: Figures) -> None:
    figures.pnl = PnlFigures(taken_at=NOW, realized_today_usdt=D(-1300), unrealized_usdt=D(0))
    assert throttle_read().size_factor == D("0.5")


@pytest.mark.django_db
def test_the_status_and_the_risk_snapshot_show_the_throttle_and_its_table(figures: Figures) -> None:
    figures.pnl = PnlFigures(taken_at=NOW, realized_today_usdt=D(-1300), unrealized_usdt=D(0))
    governor_sample()
    shown = governor_figures()
    assert shown is not None
    for throttle in (shown["throttle"], risk_snapshot_payload()["throttle"]):
        assert (throttle["state"], throttle["size_factor"], throttle["interval_factor"]) == ("REDUCED", D("0.5"), D(2))
        assert len(throttle["table"]) == 4
