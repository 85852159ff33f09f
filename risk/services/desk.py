"""The only functions that change the desk row (SPEC 4), each audited, each under the exclusive desk lock."""

from approvals.models import ApprovalRequest
from approvals.services import approval_request
from audit.services import alert, audited, record
from propbot.clock import utc_now
from propbot.config import values
from propbot.errors import RefusedError
from risk.choices import DeskMode
from risk.desk import DeskSnapshot
from risk.fingerprint import differences, fingerprint, settings_table
from risk.limit_env import current as environment_limits
from risk.limit_env import drift
from risk.models import ApprovedResume, DeskStart, DeskState
from risk.seeding import limits_seed
from risk.selectors import desk_read, desk_snapshot, last_start
from risk.services.history import history_settle
from risk.services.hold import after_hold, desk_row_for_change, hold_engage, hold_release_file, hold_write
from risk.services.integrity import guards_assert
from risk.services.limits import limits_read
from risk.services.notices import notify

__all__ = [
    "desk_start",
    "desk_stop_clean",
    "dry_run_engage",
    "hold_engage",
    "resume",
    "resume_request",
    "safe_mode_engage",
]


def refuse_while_held(desk: DeskState | DeskSnapshot) -> None:
    if desk.hold_active:
        raise RefusedError("hold_active", f"HOLD #{desk.hold_id} is active: {desk.hold_reason}", status=423)


def safe_mode_engage(*, reason: str, source: str = "operator") -> DeskSnapshot:
    """No opening order from now on; reductions and monitoring continue. One operator, at once."""
    with audited():
        row = desk_row_for_change()
        row.safe_mode, row.changed_at = True, utc_now()
        row.save()
        record(action="safe_mode_on", target="desk", details={"reason": reason, "source": source})
        notify("desk")
    alert(kind="safe_mode_on", severity="warning", text=f"SAFE_MODE engaged by {source}: {reason}")
    return desk_snapshot(row)


def dry_run_engage(*, reason: str, source: str = "operator") -> DeskSnapshot:
    """Hedges that open from now on are simulated; the exits of real ones stay real (law 10)."""
    with audited():
        row = desk_row_for_change()
        row.dry_run, row.changed_at = True, utc_now()
        row.save()
        record(action="dry_run_on", target="desk", details={"reason": reason, "source": source})
        notify("desk")
    alert(kind="dry_run_on", severity="info", text=f"DRY_RUN engaged by {source}: {reason}")
    return desk_snapshot(row)


def resume_payload(desk: DeskSnapshot) -> dict[str, object]:
    """What the approver sees: which HOLD, which build and configuration, and what changed since the last resume."""
    start = last_start()
    build, table = (start.build, start.settings) if start else ("", settings_table(values()))
    before = ApprovedResume.objects.order_by("-id").first()
    return {
        "hold_id": desk.hold_id,
        "hold_reason": desk.hold_reason,
        "build": build,
        "config_fingerprint": fingerprint(table),
        "changes_since_last_resume": {
            "build": None if before is None or before.build == build else {"before": before.build, "after": build},
            "settings": [] if before is None else differences(before.settings, table),
            "first_resume": before is None,
        },
    }


def resume_request(*, reason: str) -> ApprovalRequest:
    """Step 2: ask for the end of the HOLD that is active now. Raises RefusedError."""
    desk = desk_read()
    if not desk.hold_active:
        raise RefusedError("hold_not_active", "There is no HOLD to resume from", status=409)
    return approval_request(
        action="resume", target="desk", payload=resume_payload(desk), reason=reason, hold_id=desk.hold_id
    )


def resume_execute(*, hold_id: int) -> DeskSnapshot:
    """Step 3, inside the approving transaction: clears exactly the HOLD that was asked about."""
    row = desk_row_for_change()
    if row.hold_id != hold_id:
        raise RefusedError("hold_changed", f"HOLD #{hold_id} was followed by HOLD #{row.hold_id}", status=409)
    if not row.hold_active:
        raise RefusedError("already_decided", f"HOLD #{hold_id} is already cleared", status=409)
    now = utc_now()
    row.hold_active, row.last_released_at, row.changed_at = False, now, now
    row.save()
    start = last_start()
    table = start.settings if start else settings_table(values())
    ApprovedResume.objects.update_or_create(
        hold_id=hold_id,
        defaults={
            "build": start.build if start else "",
            "fingerprint": fingerprint(table),
            "settings": table,
            "at": now,
        },
    )
    hold_release_file(hold_id)
    notify("desk")
    return desk_snapshot(row)


def safe_mode_off_execute() -> DeskSnapshot:
    """Step 4, inside the approving transaction."""
    row = desk_row_for_change()
    refuse_while_held(row)
    row.safe_mode, row.changed_at = False, utc_now()
    row.save()
    notify("desk")
    return desk_snapshot(row)


def refuse_dry_run_off(desk: DeskState | DeskSnapshot) -> None:
    """Step 5 comes after steps 3 and 4."""
    refuse_while_held(desk)
    if desk.safe_mode:
        raise RefusedError("safe_mode", "SAFE_MODE goes off before DRY_RUN does", status=423)


def dry_run_off_execute() -> DeskSnapshot:
    """Step 5, inside the approving transaction."""
    row = desk_row_for_change()
    refuse_dry_run_off(row)
    row.dry_run, row.changed_at = False, utc_now()
    row.save()
    notify("desk")
    return desk_snapshot(row)


def resume(*, reason: str = "") -> DeskSnapshot:
    """Step 6: mode becomes RUN. Refused while HOLD or SAFE_MODE stands; repeated in RUN it changes nothing."""
    with audited():
        row = desk_row_for_change()
        refuse_while_held(row)
        if row.safe_mode:
            raise RefusedError("safe_mode", "SAFE_MODE is on; it goes off through control, by two people", status=423)
        if row.mode == DeskMode.RUN:
            return desk_snapshot(row)
        row.mode, row.changed_at = DeskMode.RUN, utc_now()
        row.save()
        record(action="desk_run", target="desk", details={"hold_id": row.hold_id, "reason": reason})
        notify("desk")
    alert(
        kind="desk_resumed",
        severity="warning",
        text=f"The desk runs again after HOLD #{row.hold_id}",
        simulated=row.dry_run,
    )
    return desk_snapshot(row)


def _start_row(row: DeskState, epoch: int, build: str, previous: dict[str, object]) -> None:
    table = settings_table(values())
    DeskStart.objects.create(
        epoch=epoch,
        build=build,
        fingerprint=fingerprint(table),
        settings=table,
        hold_id=row.hold_id,
        previous=previous,
        started_at=utc_now(),
    )


def _previous(row: DeskState) -> dict[str, object]:
    return {
        "mode": row.mode,
        "hold_active": row.hold_active,
        "hold_source": row.hold_source,
        "hold_reason": row.hold_reason,
        "safe_mode": row.safe_mode,
        "dry_run": row.dry_run,
    }


def desk_start(*, epoch: int, build: str) -> None:
    """The trader has the lease and the token: the desk stops, whatever it was before (law 5).

    Raises RefusedError ``fenced`` when a successor has already taken the token.
    """
    guards_assert()
    history_settle()
    with audited():
        before = desk_row_for_change()
        if before.trader_epoch != epoch:
            raise RefusedError("fenced", f"epoch {epoch} was followed by {before.trader_epoch}", status=423)
        previous = _previous(before)
        row = hold_write(reason="the trading worker started", source="restart")
        row.dry_run = row.dry_run or values().flag("DRY_RUN_MODE")
        row.save()
        _start_row(row, epoch, build, previous)
        record(action="desk_start", target="desk", details={"epoch": epoch, "build": build, "hold_id": row.hold_id})
    after_hold(row)
    _tell_drift()


def _tell_drift() -> None:
    """The row wins over the environment; that they differ is told at each start (RELIABILITY G4)."""
    limits_seed()
    found = drift(limits_read().values, environment_limits())
    if found:
        names = ", ".join(str(item["name"]) for item in found)
        alert(kind="limits_drift", severity="warning", text=f"Limits differ from the environment: {names}")


def desk_stop_clean(*, epoch: int) -> bool:
    """Called last in an orderly stop; a start without it counts as unclean for the autopilot."""
    return DeskStart.objects.filter(epoch=epoch, stopped_at=None).update(stopped_at=utc_now()) == 1
