"""Changing the control settings: what tightens at once, what loosens with a second person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from approvals.models import ApprovalRequest
from approvals.services import approval_request
from audit.canonical import plain
from audit.context import current_actor
from audit.services import alert, audited, record
from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.control_rules import checked_changes, checked_value, current_value, loosens
from risk.desk import ControlSnapshot
from risk.models import ControlChange, ControlSettings
from risk.seeding import control_seed
from risk.selectors import control_read, control_snapshot, desk_read
from risk.services.desk import dry_run_engage, refuse_dry_run_off, refuse_while_held, safe_mode_engage
from risk.services.locks import desk_lock_exclusive
from risk.services.notices import notify

DESK_FLAGS = {"safe_mode": "safe_mode_off", "dry_run_mode": "dry_run_off"}


@dataclass(frozen=True)
class ControlResult:
    """``changes`` were made; ``pending`` waits for a second person, one request per loosening of its own."""

    control: ControlSnapshot
    changes: dict[str, Any]
    requests: list[ApprovalRequest] = field(default_factory=list)

    @property
    def pending(self) -> ApprovalRequest | None:
        return self.requests[0] if self.requests else None


def control_write(*, changes: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Rows of the change and its history, inside the caller's audited transaction.

    Under the exclusive desk lock: once ``reduce_only`` is answered, no opening order is being journaled.
    """
    control_seed()
    desk_lock_exclusive()
    row = ControlSettings.objects.select_for_update().get(pk=1)
    before = {name: plain(current_value(control_snapshot(row), name)) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.changed_at = utc_now()
    row.save()
    after = {name: plain(value) for name, value in changes.items()}
    ControlChange.objects.create(
        at=row.changed_at, person=current_actor().name, reason=reason, before=before, after=after
    )
    notify("control")
    return {"before": before, "after": after}


def _tighten(changes: dict[str, Any], reason: str) -> None:
    with audited():
        now = control_read()
        if any(loosens(now, name, value) for name, value in changes.items()):
            raise RefusedError("control_changed", "The settings changed meanwhile; ask again", status=409)
        details = control_write(changes=changes, reason=reason)
        record(action="control_tighten", target=", ".join(changes), details={**details, "reason": reason})


def _ask(changes: dict[str, Any], reason: str) -> ApprovalRequest:
    return approval_request(
        action="control_loosen", target=", ".join(changes), payload={"changes": plain(changes)}, reason=reason
    )


def _desk_flag(name: str, value: object, reason: str) -> tuple[bool, ApprovalRequest | None]:
    """Turn a desk flag on at once, or ask for turning it off; whether it changed, and the request."""
    checked_value("post_only", value)  # any flag: true or false
    desk = desk_read()
    stands = desk.safe_mode if name == "safe_mode" else desk.dry_run
    if value == stands:
        return False, None
    if value:
        engage = safe_mode_engage if name == "safe_mode" else dry_run_engage
        engage(reason=reason or "by control", source=current_actor().name)
        return True, None
    refuse_while_held(desk) if name == "safe_mode" else refuse_dry_run_off(desk)
    return False, approval_request(action=DESK_FLAGS[name], target="desk", payload={}, reason=reason)


def _desk_flags(changes: Mapping[str, Any], reason: str) -> tuple[dict[str, Any], list[ApprovalRequest]]:
    made: dict[str, Any] = {}
    requests = []
    # Tightenings first: one that is refused further on must not keep a stop from happening.
    for name in sorted(DESK_FLAGS.keys() & changes.keys(), key=lambda flag: changes[flag] is not True):
        changed, request = _desk_flag(name, changes[name], reason)
        if changed:
            made[name] = changes[name]
        if request:
            requests.append(request)
    return made, requests


def control_change(*, changes: Mapping[str, Any], reason: str) -> ControlResult:
    """PATCH control: tighten at once, ask for the rest. Raises RefusedError (400 for a value, 409, 423)."""
    plain_changes = checked_changes({name: value for name, value in changes.items() if name not in DESK_FLAGS})
    now = control_read()
    different = {name: value for name, value in plain_changes.items() if value != current_value(now, name)}
    loosening = {name: value for name, value in different.items() if loosens(now, name, value)}
    tightening = {name: value for name, value in different.items() if name not in loosening}
    if tightening:
        _tighten(tightening, reason)
        alert(kind="control_changed", severity="info", text=f"Control tightened: {', '.join(tightening)}")
    made, requests = _desk_flags(changes, reason)
    if loosening:
        requests.append(_ask(loosening, reason))
    return ControlResult(control_read(), {**tightening, **made}, requests)
