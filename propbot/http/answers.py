"""What an answer holds at least, route by route, in the notation of the contract; the OpenAPI document is made of it.

``name`` is a field that is always there; ``name?`` may be null; ``name{a, b}`` is an object with at least these fields,
``name[a, b]`` a list of such objects, ``name[]`` a list. Answers may hold more than is named here, never less.
"""

import re
from collections.abc import Iterator
from typing import Any

_STATE = (
    "mode, safe_mode, dry_run_mode, hold_active, hold_reason, hold_source, safety{hold_active, hold_reason, hold_source, "
    "hold_since, last_released_ts, resume_request, clock_skew_s, risk_snapshot?, reconciliation, counters, limits}"
)
_OVERVIEW = (
    f"ts, overall, scores{{P0, P1, P2, P3}}, slo, thresholds, components[id, title, group, status], alerts[], "
    f"build_version, flags{{safe_mode, hold_active, dry_run_mode}}, operational_flags, {_STATE}, "
    "edge_guard{allowed, reason?}, autopilot_status, last_autopilot_action, last_autopilot_reason, resume_request?, "
    "resume_pending, two_man_resume_required, clock_skew_s?, runaway_guard{limits, counters, near_limit}, "
    "autopilot{enabled, armed, last_action, last_reason, last_decision, last_decision_reason, last_decision_ts}, "
    "auto_hedge{enabled, last_opportunity_checked_ts, last_execution_result, consecutive_failures, last_execution_ts, "
    "last_success_ts}"
)
_CONTROL_STATE = (
    "mode, flags, control, risk, loop, loop_config, autopilot, open_orders[], positions[], exposures, pnl, recon_status, "
    "last_plan?, last_execution?"
)
_REQUEST = (
    "id, action, target, sentence, payload, payload_digest, before, after, reason, requested_by, requested_at, "
    "expires_at, status, decided_by"
)
_HOLD = "hold_active, hold_id, safety, in_flight?, ts"
_RISK_STATE = "limits, current, breaches[]"
_PAGED = "total, offset, limit"
_EVENTS = "ts, kind, severity, text, extra"
_SNAPSHOT = "runtime, positions[], approvals, reconciliation, daily_report?"
_DAILY = "available, report?"
_ASKED = "request_id, status"
_CONFIRMED = "hold_active"
_POSITIONS = (
    "positions[id, symbol, status, strategy, long_venue, short_venue, notional_usdt?, base_size, leverage, "
    "entry_long_price?, entry_short_price?, entry_spread_bps?, unrealized_pnl_usdt?, simulated, timestamp, "
    "legs[venue, symbol, side, status, notional_usdt?, base_size, entry_price?, mark_price?, mark_age_ms?, "
    "unrealized_pnl_usdt?, timestamp]], exposure, totals{unrealized_pnl_usdt?, incomplete}"
)
_PREVIEW = (
    "symbol, min_spread?, spread, spread_bps, meets_min_spread, long_exchange, short_exchange, cheap_ask, expensive_bid, "
    "net_edge_bps?, costs, quotes"
)
_OPPORTUNITY = (
    "opportunity?{id, symbol, long_venue, short_venue, spread, spread_bps, net_edge_bps?, notional_suggestion, "
    "leverage_suggestion, expires_at}, status, blocked_reason?"
)
_BUDGET = "limit_usdt?, used_today_usdt?, remaining_usdt?, last_reset_ts_utc?, blocked_by_budget"
_RISK_SNAPSHOT = (
    "total_notional_usd?, per_venue, partial_hedges_count, autopilot_enabled, hold_active, safe_mode, dry_run_mode, "
    "risk_score, var?, accounting{totals{open_notional?, open_positions, realized_pnl_today?, budget_used?, breaches[], "
    "simulated}, per_strategy}"
)
_STRATEGY_STATUS = (
    "strategies[strategy, enabled, state, frozen, freeze_reason, breach_reasons[], consecutive_failures, budget_blocked, "
    "realized_pnl_today?, realized_pnl_total?, realized_pnl_7d?, max_drawdown_observed?, budget, risk_limits], snapshot"
)
_OPS_REPORT = (
    "generated_at, runtime, safety, autopilot, pnl, positions_snapshot, partial_hedges, strategy_status, "
    "strategy_budgets, per_strategy_pnl, strategy_controls, approvals, operator_actions[], audit[], alerts[]"
)

# "METHOD path": what 200 holds.
ANSWERS: dict[str, str] = {
    "GET /api/ui/status/overview": _OVERVIEW,
    "GET /api/ui/status/components": f"components[id, title, group, status, summary, metrics, since?, links], {_STATE}",
    "GET /api/ui/status/slo": f"slo, thresholds, alerts[], {_STATE}",
    "GET /api/ui/state": _CONTROL_STATE,
    "GET /api/ui/control-state": _CONTROL_STATE,
    "POST /api/arb/preview": _PREVIEW,
    "POST /api/arb/execute": "success, status",
    "POST /api/arb/confirm": "success, status",
    "GET /api/arb/opportunity": _OPPORTUNITY,
    "GET /api/ui/positions": _POSITIONS,
    "GET /api/ui/orders": "open_orders[], fills[]",
    "GET /api/ui/hedge/log": (
        "entries[ts, initiator, kind, symbol, spread_bps?, notional_usdt?, result, reason, simulated?, hedge_id?, timings]"
    ),
    "GET /api/ui/plan/last": "last_plan?",
    "GET /api/ui/universe": "pairs[symbol, score?, allowed, venues]",
    "POST /api/ui/hold": _HOLD,
    "POST /api/ui/stop": _HOLD,
    "POST /api/ui/resume-request": (
        "resume_request{id, reason, requested_by, requested_at, expires_at, pending}, hold_active"
    ),
    "POST /api/ui/resume-confirm": "hold_cleared, hold_active, safety",
    "POST /api/ui/resume": "mode",
    "PATCH /api/ui/control": "control, changes",
    "POST /api/ui/kill-confirm": _CONFIRMED,
    "POST /api/ui/cancel-all/confirm": _CONFIRMED,
    "POST /api/ui/cancel-all-confirm": _CONFIRMED,
    "GET /api/ui/approvals": f"pending[{_REQUEST}], recent[{_REQUEST}]",
    "POST /api/ui/approvals/{approval_id}/approve": "request_id, status, result",
    "POST /api/ui/approvals/{approval_id}/deny": "request_id, status, result",
    "POST /api/ui/approvals/{approval_id}/withdraw": _REQUEST,
    "GET /api/ui/access": "people[name, role?]",
    "GET /api/ui/break-glass": "needed, made_at?, envelopes[number, state, opened_at?]",
    "POST /api/ui/break-glass": "action, envelopes[], success, steps",
    "GET /api/ui/limits": "limits[name, value?]",
    "GET /api/ui/secret": "names[], changes[name, fingerprint, status, ts], rotation_needed, ages",
    "GET /api/ui/secrets/status": "rotation_needed, ages, operators[name, role]",
    "GET /api/ui/risk_snapshot": _RISK_SNAPSHOT,
    "GET /api/risk/state": _RISK_STATE,
    "GET /api/ui/risk_status": _RISK_STATE,
    "GET /api/ui/capital": "total_capital_usdt?, per_strategy_limits, current_usage, headroom",
    "GET /api/ui/strategy_budget": (
        "strategies[strategy, max_notional_usdt?, current_notional_usdt?, max_open_positions?, current_open_positions, "
        "blocked], snapshot"
    ),
    "POST /api/ui/budget/reset": f"strategy, budget{{{_BUDGET}}}",
    "GET /api/ui/strategy_status": _STRATEGY_STATUS,
    "GET /api/ui/pnl_history": "snapshots[], simulated[], count",
    "GET /api/ui/alerts": f"alerts[{_EVENTS}], {_PAGED}",
    "GET /api/ui/events": f"items[{_EVENTS}], {_PAGED}, order, next_offset?, has_more",
    "GET /api/ui/events/export": f"items[{_EVENTS}], total",
    "GET /api/ui/audit_log": f"events[], count, {_PAGED}",
    "GET /api/ui/audit_snapshot": "entries[], mode, exposure, strategies, universe, build_version, chain_head",
    "GET /api/ui/ops_report": _OPS_REPORT,
    "GET /api/ui/snapshot": _SNAPSHOT,
    "POST /api/ui/snapshot": _SNAPSHOT,
    "GET /api/ui/daily_report": _DAILY,
    "GET /api/ui/report/daily": _DAILY,
    "POST /api/ui/daily_report": _DAILY,
    "POST /api/ui/report/daily": _DAILY,
}
# What 202 holds beside its status.
PENDING: dict[str, str] = {
    "POST /api/arb/execute": "status, attempt_id, hedge_id?",
    "POST /api/arb/confirm": "status, attempt_id, hedge_id?",
    "PATCH /api/ui/control": f"control, changes, {_ASKED}",
    **{
        f"POST /api/ui/{name}": _ASKED
        for name in (
            "access", "cancel-all", "cancel-all-request", "cancel_all", "kill-request", "limits", "secret",
            "strategy/enable", "unfreeze-strategy", "unfreeze-strategy-request",
        )
    },
}  # fmt: skip
UNKNOWN = {"description": "null where it is not known"}
TOKEN = re.compile(r"\s*([A-Za-z_0-9]+\??|[\[\]{},])")


def shape_of(text: str) -> dict[str, Any]:
    """The JSON schema of a notation; ValueError when it cannot be read."""
    words = iter([*TOKEN.findall(text), ""])
    if "".join(TOKEN.findall(text)) != re.sub(r"\s", "", text):
        raise ValueError(f"not a notation: {text}")
    return _fields(words, "")


def _fields(words: Iterator[str], end: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    last, word = "", next(words)
    while word != end:
        if word in ("{", "["):
            properties[last] = _nested(words, word, nullable=properties[last] == UNKNOWN)
        elif word != ",":
            last = word.rstrip("?")
            properties[last] = dict(UNKNOWN) if word.endswith("?") else {}
        word = next(words)
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": True}


def _nested(words: Iterator[str], opened: str, *, nullable: bool) -> dict[str, Any]:
    inner = _fields(words, "}" if opened == "{" else "]")
    schema = inner if opened == "{" else {"type": "array", "items": inner if inner["properties"] else {}}
    return {"oneOf": [schema, {"enum": [None]}]} if nullable else schema


def answer_shape(method: str, path: str, status: str) -> dict[str, Any] | None:
    """The schema of a success; None when the contract names no field of it."""
    key = f"{method} {path}"
    named = ANSWERS.get(key) if status == "200" else PENDING.get(key, "status")
    return shape_of(named) if named else None
