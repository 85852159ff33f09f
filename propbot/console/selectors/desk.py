"""The desk row and what stands on it, as the pages and the feed show it."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from approvals.choices import RequestStatus
from approvals.models import ApprovalRequest
from propbot import statements
from propbot.clock import utc_now
from propbot.config import values
from propbot.console.phrases import status_line
from risk.desk import ControlSnapshot, DeskSnapshot
from risk.models import ControlSettings, DeskState
from risk.selectors import control_row, control_snapshot, desk_read, desk_snapshot
from trading.choices import HedgeStatus

# Prewritten, and one question for all of it: it is asked for each answer and at each look of the live feed.
PENDING = "WHERE status = 'pending' AND expires_at > %s ORDER BY requested_at"
BESIDE_DESK = "CROSS JOIN risk_controlsettings"
THE_ROWS = "risk_deskstate.id = 1 AND risk_controlsettings.id = 1"
BOTH_ROWS = f"{BESIDE_DESK} WHERE {THE_ROWS}"
# The words of the index on what is not over.
NOT_OVER = """
SELECT status, simulated, count(*) FROM trading_hedge WHERE NOT (status IN ('closed', 'failed')) GROUP BY 1, 2
"""
# Beside them: whether some request is pending, and how many hedges stand.
STANDING = f"""
jsonb_build_array(
    EXISTS (SELECT FROM approvals_approvalrequest WHERE status = 'pending' AND expires_at > %s),
    (SELECT coalesce(jsonb_agg(jsonb_build_array(status, simulated, count)), '[]') FROM ({NOT_OVER}) AS counted))
"""  # noqa: S608 - our own text
STATE_LABELS = {"hold": "Stopped", "safe": "Safe mode", "ready": "Ready", "run": "Running"}


def in_simulator() -> bool:
    return values().text("PROFILE") == "simulator"


def state_of(desk: DeskSnapshot) -> str:
    if desk.hold_active or desk.hold_file:
        return "hold"
    if desk.safe_mode:
        return "safe"
    return "run" if desk.mode == "RUN" else "ready"


def desk_figures(desk: DeskSnapshot) -> dict[str, Any]:
    return {
        "mode": desk.mode,
        "hold_id": desk.hold_id,
        "hold_active": desk.hold_active or desk.hold_file,
        "hold_reason": _hold_reason(desk),
        "hold_source": desk.hold_source,
        "hold_since": desk.hold_since,
        "last_released_at": desk.last_released_at,
        "safe_mode": desk.safe_mode,
        "dry_run": desk.dry_run,
        "trader_epoch": desk.trader_epoch,
        "hold_file": desk.hold_file,
    }


def _hold_reason(desk: DeskSnapshot) -> str:
    if desk.hold_file and not desk.hold_active:
        return "a HOLD file stands next to the data"
    return desk.hold_reason


def autopilot_figures(desk: DeskSnapshot) -> dict[str, Any]:
    """``last_action`` and ``last_decision`` are null until the autopilot has decided something."""
    return {
        "enabled": values().flag("AUTOPILOT_ENABLE"),
        "armed": desk.autopilot_armed,
        "last_action": desk.autopilot_last_action or None,
        "last_reason": desk.autopilot_reason or None,
        "last_decision": desk.autopilot_last_decision or None,
        "last_decision_reason": desk.autopilot_reason or None,
        "last_decision_ts": desk.autopilot_at,
        "refused": desk.autopilot_last_decision == "refuse",
    }


def approval_figures(row: ApprovalRequest) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "action": row.action,
        "target": row.target,
        "sentence": row.sentence,
        "payload_digest": row.payload_digest,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
        "requested_by": row.requested_by_name,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "status": row.status,
        "decided_by": row.decided_by_name or None,
        "decided_at": row.decided_at,
    }


def pending_approvals(now: datetime) -> list[dict[str, Any]]:
    return [approval_figures(row) for row in statements.found(ApprovalRequest, PENDING, [now])]


def recent_approvals(limit: int = 20) -> list[dict[str, Any]]:
    rows = ApprovalRequest.objects.exclude(status=RequestStatus.PENDING).order_by("-requested_at")[:limit]
    return [approval_figures(row) for row in rows]


def hedge_counts() -> dict[str, int]:
    """Hedges that are not over: real ones by status, simulated ones apart (law 10)."""
    return _counted(statements.rows(NOT_OVER))


def _counted(standing: Iterable[Sequence[Any]]) -> dict[str, int]:
    counts = {"open": 0, "partial": 0, "in_flight": 0, "closing": 0, "simulated": 0, "simulated_partial": 0}
    for status, simulated, count in standing:
        for name in _counted_as(status, simulated):
            counts[name] += count
    return counts


def _counted_as(status: str, simulated: bool) -> Iterable[str]:
    if simulated:
        yield "simulated"
        if status == HedgeStatus.PARTIAL:
            yield "simulated_partial"
        return
    if status == HedgeStatus.OPEN:
        yield "open"
    elif status == HedgeStatus.PARTIAL:
        yield "partial"
    elif status == HedgeStatus.CLOSING:
        yield "closing"
    else:
        yield "in_flight"


# From the held legs, by their own index: asked the other way round, it reads every hedge that ever was.
UNEQUAL = """
WITH odd AS MATERIALIZED (
    SELECT hedge_id FROM trading_leg WHERE quantity > 0
     GROUP BY hedge_id HAVING count(*) = 1 OR min(quantity) <> max(quantity)
)
SELECT EXISTS (
    SELECT 1 FROM odd JOIN trading_hedge h ON h.id = odd.hedge_id WHERE h.status IN ('open', 'partial')
)
"""


def legs_unequal() -> bool:
    """Whether some hedge's legs hold unequal quantities and nobody is working on it (law 8)."""
    return statements.is_true(UNEQUAL)


def desk_badges(desk: dict[str, Any], *, armed: bool, risk: bool) -> list[str]:
    shown = {
        "hold": desk["hold_active"],
        "safe": desk["safe_mode"],
        "dry": desk["dry_run"],
        "autopilot": armed,
        "risk": risk,
    }
    return [name for name, on in shown.items() if on]


# At each look of the live feed, which looks at every change and twice a second.
HEADS = """
SELECT (SELECT max(seq) FROM audit_auditrecord), (SELECT max(id) FROM audit_opsalert), newest.id, newest.status
  FROM (SELECT) AS one
  LEFT JOIN (SELECT id, status FROM trading_opportunity ORDER BY created_at DESC LIMIT 1) AS newest ON true
"""


def revisions() -> dict[str, Any]:
    """Numbers that move when something was written: the pages fetch again when one of them does."""
    ((audit, alert, opportunity, status),) = statements.rows(HEADS)
    return {"audit": audit, "alert": alert, "opportunity": [str(opportunity), status] if opportunity else None}


def desk_now() -> dict[str, Any]:
    """Everything that must be right this instant: the desk row itself, never a copy from a cache."""
    now = utc_now()
    desk, control, standing = _desk_rows(now)
    return desk_of(desk, control, standing, pending_approvals(now) if is_pending(standing) else [], now)


def is_pending(standing: str) -> bool:
    return bool(json.loads(standing)[0])


def desk_of(
    desk: DeskState, control: ControlSettings, standing: str, pending: list[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    """What the rows say that were just read."""
    _, counts = json.loads(standing)
    return compose_desk(desk_snapshot(desk), control_snapshot(control), pending, _counted(counts), now)


def _desk_rows(now: datetime) -> tuple[DeskState, ControlSettings, str]:
    """Raises when there is no desk: what cannot be read is stopped (law 1)."""
    found = statements.found_together(DeskState, ControlSettings, STANDING, BOTH_ROWS, [now])
    if not found:
        desk_read()
        control_row()  # makes a row that is missing
        found = statements.found_together(DeskState, ControlSettings, STANDING, BOTH_ROWS, [now])
    return found[0]


def compose_desk(
    desk: DeskSnapshot,
    control: ControlSnapshot,
    pending: list[dict[str, Any]],
    counts: dict[str, int],
    now: datetime,
) -> dict[str, Any]:
    figures, autopilot = desk_figures(desk), autopilot_figures(desk)
    risk = bool(counts["partial"] or counts["simulated_partial"])
    state = state_of(desk)
    return {
        "ts": now,
        "desk": figures,
        "hold_id": desk.hold_id,
        "state": state,
        "state_label": STATE_LABELS[state],
        "line": status_line(
            {**figures, "auto_hedge_enabled": control.auto_hedge_enabled, "simulator": in_simulator()}, pending, now
        ),
        "autopilot": autopilot,
        "pending": pending,
        "resume_pending": next((row for row in pending if row["action"] == "resume"), None),
        "counts": counts,
        "outstanding_risk": risk,
        "badges": desk_badges(figures, armed=autopilot["armed"], risk=risk),
        "auto_hedge_enabled": control.auto_hedge_enabled,
    }
