"""The desk's state, its limits and its last sample, in the words of API.md."""

from typing import Any

from approvals.models import ApprovalRequest
from approvals.services import pending_request
from risk.desk import DeskSnapshot, HoldResult
from risk.limit_env import current as environment_limits
from risk.limit_env import drift
from risk.limits import RULES, full_name
from risk.models import GovernorSample
from risk.ports import ports
from risk.selectors import control_payload, control_read, desk_read, last_sample
from risk.services.facts import reserved_now
from risk.services.limits import limits_read

Payload = dict[str, Any]


def resume_request_payload(row: ApprovalRequest | None) -> Payload | None:
    if row is None:
        return None
    return {
        "id": str(row.pk),
        "reason": row.reason,
        "requested_by": row.requested_by_name,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "pending": row.status == "pending",
    }


def pending_resume() -> Payload | None:
    return resume_request_payload(pending_request("resume", "desk"))


def sample_payload(sample: GovernorSample | None) -> Payload | None:
    """``safety.risk_snapshot``; None before the first sample. Unknown figures stay null."""
    if sample is None:
        return None
    return {
        "ts": sample.at,
        "total_notional_usdt": sample.total_notional_usdt,
        "per_venue": sample.per_venue,
        "per_symbol": sample.per_symbol,
        "realized_pnl_today": sample.realized_today_usdt,
        "unrealized_pnl": sample.unrealized_usdt,
        "clock_skew_ms": sample.clock_skew_ms,
        "maintenance": sorted(name for name, row in sample.venues.items() if row.get("maintenance")),
        "venues": sample.venues,
        "breaches": [text for _, text in sample.breaches],
        "entry_stops": [text for _, text in sample.entry_stops],
    }


def safety_payload(desk: DeskSnapshot | None = None) -> Payload:
    """HOLD, who asked to resume, and the governor's newest sample."""
    desk = desk or desk_read()
    sample = last_sample()
    skew = sample.clock_skew_ms if sample else None
    return {
        "hold_active": desk.hold_active or desk.hold_file,
        "hold_id": desk.hold_id,
        "hold_file": desk.hold_file,
        "hold_reason": desk.hold_reason,
        "hold_source": desk.hold_source,
        "hold_since": desk.hold_since,
        "last_released_ts": desk.last_released_at,
        "safe_mode": desk.safe_mode,
        "dry_run_mode": desk.dry_run,
        "mode": desk.mode,
        "resume_request": pending_resume(),
        "clock_skew_s": None if skew is None else skew / 1000,
        "risk_snapshot": sample_payload(sample),
    }


def hold_payload(result: HoldResult) -> Payload:
    """The answer of HOLD. ``in_flight`` null: what is on the wire could not be read."""
    return {
        "hold_active": True,
        "hold_id": result.hold_id,
        "safety": safety_payload(),
        "in_flight": result.in_flight,
        "ts": result.at,
    }


def control_state_payload() -> Payload:
    desk = desk_read()
    return {
        **control_payload(control_read()),
        "safe_mode": desk.safe_mode,
        "dry_run_mode": desk.dry_run,
    }


def current_use(name: str, scope: str) -> Any:
    """What stands against the limit now, reservations included; None where nothing is measured against it."""
    exposure, reserved = ports().exposure(), reserved_now()
    match name:
        case "MAX_OPEN_POSITIONS":
            return exposure.open_hedges + reserved.hedges
        case "MAX_TOTAL_NOTIONAL_USDT" | "MAX_TOTAL_NOTIONAL_USD" | "EDGE_HEAVY_EXPOSURE_USDT":
            return exposure.total_notional_usdt + reserved.notional_usdt
        case "MAX_NOTIONAL_PER_EXCHANGE":
            return exposure.per_venue.get(scope, 0) + reserved.per_venue.get(scope, 0)
        case "MAX_POSITION_USDT":
            held = {symbol: exposure.per_symbol.get(symbol, 0) for symbol in {*exposure.per_symbol, scope}}
            return held[scope] if scope else max(held.values(), default=0)
        case "MAX_OPEN_ORDERS":
            orders = exposure.open_orders
            return orders.get(scope, 0) if scope else max(orders.values(), default=0)
        case _:
            return None


def limits_payload() -> Payload:
    """Every limit with its use, the version in force, and where the environment says something else."""
    table = limits_read()
    rows = [
        {
            "name": full_name(name, scope),
            "value": value,
            "unit": RULES[name].unit,
            "current": current_use(name, scope),
            "zero_disables": RULES[name].zero_disables,
        }
        for (name, scope), value in sorted(table.values.items())
    ]
    return {"limits": rows, "version": table.version, "drift": drift(table.values, environment_limits())}
