"""The status and state endpoints' bodies, with every field of the contract, cut from the one snapshot."""

from collections.abc import Mapping
from typing import Any

from propbot.config import values
from propbot.console.selectors.measures import threshold_figures

Snapshot = Mapping[str, Any]


def resume_figures(s: Snapshot) -> dict[str, Any] | None:
    row = s["resume_pending"]
    if row is None:
        return None
    return {
        "id": row["id"],
        "reason": row["reason"],
        "requested_by": row["requested_by"],
        "requested_at": row["requested_at"],
        "expires_at": row["expires_at"],
        "pending": True,
    }


def flag_figures(s: Snapshot) -> dict[str, Any]:
    desk = s["desk"]
    return {"safe_mode": desk["safe_mode"], "hold_active": desk["hold_active"], "dry_run_mode": desk["dry_run"]}


def worst_skew_ms(s: Snapshot) -> float | None:
    skews = [row["clock_skew_ms"] for row in s["venues"] if row["clock_skew_ms"] is not None]
    return max(skews, key=abs) if skews else None


def worst_skew_seconds(s: Snapshot) -> float | None:
    skew = worst_skew_ms(s)
    return None if skew is None else round(skew / 1000, 4)


def runaway_block(s: Snapshot) -> dict[str, Any]:
    rows = s["runaway"]
    return {
        "limits": {row["kind"]: row["limit"] for row in rows},
        "counters": {row["kind"]: row["count"] for row in rows},
        "near_limit": s["near_limit"],
    }


def risk_block(s: Snapshot) -> dict[str, Any] | None:
    found = s["governor"]
    if found is None:
        return None
    return {
        "ts": found["at"],
        "per_venue": found["per_venue"],
        "per_symbol": found["per_symbol"],
        "realized_pnl_today": found["realized_pnl_today"],
        "unrealized_pnl": found["unrealized_pnl"],
        "clock_skew_ms": found["clock_skew_ms"],
        "maintenance": [row["venue"] for row in s["venues"] if row["maintenance"]],
        "breaches": found["breaches"],
    }


def safety_block(s: Snapshot) -> dict[str, Any]:
    desk = s["desk"]
    return {
        "hold_active": desk["hold_active"],
        "hold_id": desk["hold_id"],
        "hold_reason": desk["hold_reason"],
        "hold_source": desk["hold_source"],
        "hold_since": desk["hold_since"],
        "last_released_ts": desk["last_released_at"],
        "resume_request": resume_figures(s),
        "clock_skew_s": worst_skew_seconds(s),
        "risk_snapshot": risk_block(s),
        "reconciliation": s["reconciliation"],
        "counters": runaway_block(s)["counters"],
        "limits": runaway_block(s)["limits"],
    }


def autopilot_block(s: Snapshot) -> dict[str, Any]:
    names = (
        "enabled",
        "armed",
        "last_action",
        "last_reason",
        "last_decision",
        "last_decision_reason",
        "last_decision_ts",
    )
    return {name: s["autopilot"][name] for name in names}


def _autopilot_status(s: Snapshot) -> str:
    found = s["autopilot"]
    return "armed" if found["armed"] else "enabled" if found["enabled"] else "disabled"


def state_fields(s: Snapshot) -> dict[str, Any]:
    """The state that every status endpoint repeats."""
    desk, flags = s["desk"], flag_figures(s)
    return {
        "ts": s["ts"],
        "overall": s["overall"],
        "scores": s["scores"],
        "build_version": s["build_version"],
        "profile": s["profile"],
        "flags": flags,
        "operational_flags": {
            **flags,
            "post_only": s["control"]["post_only"],
            "reduce_only": s["control"]["reduce_only"],
        },
        "mode": desk["mode"],
        **flags,
        "hold_reason": desk["hold_reason"],
        "hold_source": desk["hold_source"],
        "safety": safety_block(s),
        "edge_guard": s["edge_guard"],
        "autopilot_status": _autopilot_status(s),
        "last_autopilot_action": s["autopilot"]["last_action"],
        "last_autopilot_reason": s["autopilot"]["last_reason"],
        "resume_request": resume_figures(s),
        "resume_pending": s["resume_pending"] is not None,
        "two_man_resume_required": values().flag("TWO_MAN_RULE"),
        "clock_skew_s": worst_skew_seconds(s),
        "runaway_guard": runaway_block(s),
        "throttle": s["governor"]["throttle"] if s["governor"] else None,
        "autopilot": autopilot_block(s),
        "auto_hedge": s["auto_hedge"],
        "status_line": s["line"],
    }


def overview_of(s: Snapshot) -> dict[str, Any]:
    return {
        **state_fields(s),
        "slo": s["slo"],
        "thresholds": threshold_figures(),
        "components": s["components"],
        "alerts": [*s["slo_alerts"], *s["alerts"]],
        "failing": s["failing"],
    }


def components_of(s: Snapshot) -> dict[str, Any]:
    return {"components": s["components"], **state_fields(s)}


def slo_of(s: Snapshot) -> dict[str, Any]:
    return {"slo": s["slo"], "thresholds": threshold_figures(), "alerts": s["slo_alerts"], **state_fields(s)}
