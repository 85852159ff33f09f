"""The reads of the risk floor that other floors and the API share."""

from datetime import timedelta
from typing import Any

from django.db.models import Max, QuerySet

from propbot import statements
from propbot.config import values
from propbot.statements import Question
from risk import hold_file
from risk.desk import ControlSnapshot, DeskSnapshot
from risk.looks import asked, plainly
from risk.models import ControlSettings, DeskStart, DeskState, GovernorSample, RiskSkip
from risk.seeding import control_seed

DESK = "WHERE id = 1"
ONE_RUN = timedelta(seconds=2)


def desk_snapshot(row: DeskState) -> DeskSnapshot:
    return DeskSnapshot(
        mode=row.mode,
        hold_id=row.hold_id,
        hold_active=row.hold_active,
        hold_reason=row.hold_reason,
        hold_source=row.hold_source,
        hold_since=row.hold_since,
        last_released_at=row.last_released_at,
        safe_mode=row.safe_mode,
        dry_run=row.dry_run,
        trader_epoch=row.trader_epoch,
        autopilot_permitted=row.autopilot_permitted,
        autopilot_armed=row.autopilot_armed,
        autopilot_last_action=row.autopilot_last_action,
        autopilot_last_decision=row.autopilot_last_decision,
        autopilot_reason=row.autopilot_reason,
        autopilot_at=row.autopilot_at,
        hold_file=hold_file.present(),
    )


@asked(plainly)
def desk_read() -> Question[DeskSnapshot]:
    """The desk now. Raises when the row cannot be read: what cannot be read is stopped (law 1)."""
    return statements.rows_of(DeskState, DESK).then(lambda found: desk_snapshot(desk_row(found)[0]))


def desk_row(found: list[tuple[DeskState, Any]]) -> tuple[DeskState, Any]:
    """The desk's only row with what was asked beside it."""
    if not found:
        raise DeskState.DoesNotExist("the desk has no row")
    return found[0]


def orders_are_simulated(desk: DeskSnapshot) -> bool:
    """Whether a hedge opened now is filled by PropBot's own broker, and marked so for life (law 10)."""
    return desk.dry_run or not accounts_in_use()


def accounts_in_use() -> bool:
    """Whether real venue accounts stand behind the desk: without them there is no margin to guard."""
    return not (values().flag("DRY_RUN_ONLY") or values().text("PROFILE") == "paper")


def _control_row() -> Question[ControlSettings]:
    return statements.rows_of(ControlSettings, "WHERE id = 1").then(
        lambda found: found[0][0] if found else control_seed()
    )


def control_row() -> ControlSettings:
    return statements.ask(_control_row())


def control_snapshot(row: ControlSettings) -> ControlSnapshot:
    return ControlSnapshot(
        post_only=row.post_only,
        reduce_only=row.reduce_only,
        order_notional_usdt=row.order_notional_usdt,
        max_slippage_bps=row.max_slippage_bps,
        min_spread_bps=row.min_spread_bps,
        poll_interval_sec=row.poll_interval_sec,
        loop_pair=row.loop_pair,
        loop_venues=tuple(row.loop_venues),
        auto_hedge_enabled=row.auto_hedge_enabled,
    )


@asked(plainly)
def control_read() -> Question[ControlSnapshot]:
    return _control_row().then(control_snapshot)


def control_payload(control: ControlSnapshot) -> dict[str, Any]:
    """The control settings as the API shows them."""
    return {
        "post_only": control.post_only,
        "reduce_only": control.reduce_only,
        "order_notional_usdt": control.order_notional_usdt,
        "max_slippage_bps": control.max_slippage_bps,
        "min_spread_bps": control.min_spread_bps,
        "poll_interval_sec": control.poll_interval_sec,
        "loop_pair": control.loop_pair or None,
        "loop_venues": list(control.loop_venues),
        "auto_hedge_enabled": control.auto_hedge_enabled,
    }


def last_start() -> DeskStart | None:
    return DeskStart.objects.order_by("-epoch").first()


@asked(plainly)
def last_sample() -> Question[GovernorSample | None]:
    newest = statements.rows_of(GovernorSample, "ORDER BY id DESC LIMIT 1")
    return newest.then(lambda found: found[0][0] if found else None)


def last_run_skips() -> QuerySet[RiskSkip]:
    """The newest skip and those of the same run of scan, loop or auto-hedge: "Risk skips (last run)"."""
    newest = RiskSkip.objects.aggregate(at=Max("at"))["at"]
    return RiskSkip.objects.filter(at__gt=newest - ONE_RUN) if newest else RiskSkip.objects.none()
