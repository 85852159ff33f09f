"""The guarded actions of the risk floor, registered when Django is ready: what two people can loosen."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from approvals.models import ApprovalRequest
from approvals.registry import GuardedAction, guarded_action, set_current_hold_reader
from propbot.errors import RefusedError
from risk.control_rules import checked_changes, current_value
from risk.limits import RULES, full_name, plain_number, split_name
from risk.models import DeskState
from risk.reports.what_if import control_what_if, desk_what_if, strategy_what_if, what_if
from risk.selectors import control_read, desk_read
from risk.services import control, desk, limits, strategies

Payload = dict[str, Any]
Effects = tuple[Mapping[str, Any], Mapping[str, Any]]


def current_hold_id() -> int:
    return int(DeskState.objects.only("hold_id").get(pk=1).hold_id)


def _empty(payload: Payload) -> Payload:
    if payload:
        raise RefusedError("invalid_payload", "this action takes no payload")
    return {}


def _keep(payload: Payload) -> Payload:
    return payload


# --- resume: clears HOLD ----------------------------------------------------------------


def _resume_sentence(payload: Payload) -> str:
    return f"Clear HOLD #{payload['hold_id']} ({payload['hold_reason']}); build {payload['build'] or 'unknown'}"


def _resume_effects(payload: Payload) -> Effects:
    changes = payload["changes_since_last_resume"]
    return {"hold_active": True, "hold_id": payload["hold_id"]}, {"hold_active": False, "changes": changes}


def _resume_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    snapshot = desk.resume_execute(hold_id=int(payload["hold_id"]))
    return {"hold_cleared": True, "hold_active": snapshot.hold_active, "hold_id": snapshot.hold_id}


# --- safe_mode, dry_run -----------------------------------------------------------------


def _safe_mode_effects(payload: Payload) -> Effects:
    before, after = desk_what_if(opens=False), desk_what_if(opens=True)
    return {"safe_mode": True, **before}, {"safe_mode": False, **after}


def _safe_mode_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    return {"safe_mode": desk.safe_mode_off_execute().safe_mode}


def _safe_mode_precondition(request: ApprovalRequest) -> None:
    desk.refuse_while_held(desk_read())


def _dry_run_effects(payload: Payload) -> Effects:
    table = limits.limits_read()
    real = {
        "orders": "real",
        "loss_that_engages_hold_usdt": _shown("MAX_DAILY_LOSS_USDT", table.value("MAX_DAILY_LOSS_USDT")),
        **what_if("MAX_TOTAL_NOTIONAL_USDT", "", table.value("MAX_TOTAL_NOTIONAL_USDT")),
    }
    simulated = {"orders": "simulated", **desk_what_if(opens=False)}
    return {"dry_run_mode": True, **simulated}, {"dry_run_mode": False, **real}


def _dry_run_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    return {"dry_run_mode": desk.dry_run_off_execute().dry_run}


def _dry_run_precondition(request: ApprovalRequest) -> None:
    desk.refuse_dry_run_off(desk_read())


# --- control ----------------------------------------------------------------------------


def _control_schema(payload: Payload) -> Payload:
    return {"changes": checked_changes(payload.get("changes") or {})}


def _control_sentence(payload: Payload) -> str:
    now = control_read()
    parts = [f"{name} from {current_value(now, name)} to {value}" for name, value in payload["changes"].items()]
    return f"Change {'; '.join(parts)}"


def _control_effects(payload: Payload) -> Effects:
    now, changes = control_read(), checked_changes(payload["changes"])
    changed: Payload = {name: tuple(value) if name == "loop_venues" else value for name, value in changes.items()}
    before = {name: current_value(now, name) for name in changes}
    return {**before, **control_what_if(now)}, {**payload["changes"], **control_what_if(replace(now, **changed))}


def _control_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    changes = checked_changes(payload["changes"])
    return {"changes": control.control_write(changes=changes, reason=request.reason)["after"]}


# --- limits and budgets -----------------------------------------------------------------


def _limit_schema(payload: Payload) -> Payload:
    key = limits.limit_key(str(payload.get("name", "")))
    value = Decimal(str(payload.get("value")))
    limits.check_value(key, value)
    return {"name": full_name(*key), "value": f"{value:f}"}


def _limit_key(payload: Payload) -> tuple[str, str]:
    key = split_name(payload["name"])
    if key is None:
        raise RefusedError("unknown_limit", f"{payload['name']} is not a limit")
    return key


def _shown(name: str, value: Decimal) -> str:
    if not value.is_finite():
        return "no limit"
    return "no limit (0)" if value == 0 and RULES[name].zero_disables else plain_number(value)


def _limit_sentence(payload: Payload) -> str:
    name, scope = _limit_key(payload)
    before = limits.limits_read().effective(name, scope)
    return f"Raise {payload['name']} from {_shown(name, before)} to {_shown(name, Decimal(payload['value']))}"


def _limit_effects(payload: Payload) -> Effects:
    name, scope = _limit_key(payload)
    before, after = limits.limits_read().effective(name, scope), Decimal(payload["value"])
    return (
        {payload["name"]: f"{before:f}", **what_if(name, scope, before)},
        {payload["name"]: payload["value"], **what_if(name, scope, after)},
    )


def _limit_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    version = limits.limit_write(key=_limit_key(payload), value=Decimal(payload["value"]), reason=request.reason)
    return {"name": payload["name"], "value": payload["value"], "limits_version": version.pk}


def _budget_schema(payload: Payload) -> Payload:
    field, value = str(payload.get("field", "")), Decimal(str(payload.get("value")))
    if field not in strategies.BUDGET_FIELDS:
        raise RefusedError("unknown_limit", f"{field!r} is not a limit of a strategy")
    strategies.budget_value(field, value)
    return {"strategy": str(payload.get("strategy", "")), "field": field, "value": f"{value:f}"}


def _budget_before(payload: Payload) -> Decimal:
    return Decimal(getattr(strategies.strategy_named(payload["strategy"]), payload["field"]))


def _budget_sentence(payload: Payload) -> str:
    before, after = plain_number(_budget_before(payload)), plain_number(Decimal(payload["value"]))
    return f"Raise {payload['field']} of {payload['strategy']} from {before} to {after}"


def _budget_effects(payload: Payload) -> Effects:
    row, field = strategies.strategy_named(payload["strategy"]), payload["field"]
    value = strategies.budget_value(field, Decimal(payload["value"]))
    return (
        {field: f"{_budget_before(payload):f}", **strategy_what_if(row)},
        {field: payload["value"], **strategy_what_if(row, **{field: value})},
    )


def _budget_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    return strategies.budget_write(
        name=payload["strategy"], field=payload["field"], value=Decimal(payload["value"]), reason=request.reason
    )


# --- strategies -------------------------------------------------------------------------


def _strategy_schema(payload: Payload) -> Payload:
    return {"strategy": strategies.strategy_named(str(payload.get("strategy", ""))).name}


def _unfreeze_effects(payload: Payload) -> Effects:
    row = strategies.strategy_named(payload["strategy"])
    before = {"frozen": row.frozen, "freeze_reason": row.freeze_reason, "failures": row.consecutive_failures}
    after = {"frozen": False, "freeze_reason": "", "failures": 0}
    thawed = strategy_what_if(row, frozen=False, throttled=False)
    return {**before, **strategy_what_if(row)}, {**after, **thawed}


def _unfreeze_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    return strategies.strategy_unfreeze_execute(name=payload["strategy"], reason=request.reason)


def _enable_effects(payload: Payload) -> Effects:
    row = strategies.strategy_named(payload["strategy"])
    enabled = {"enabled": True, "throttled": False}
    before = {"enabled": row.enabled, "throttled": row.throttled}
    return {**before, **strategy_what_if(row)}, {**enabled, **strategy_what_if(row, **enabled)}


def _enable_execute(request: ApprovalRequest, payload: Payload) -> Payload:
    return strategies.strategy_switch_execute(name=payload["strategy"], enabled=True, reason=request.reason)


ACTIONS = (
    GuardedAction("resume", _keep, _resume_sentence, _resume_effects, _resume_execute, current_hold=True),
    GuardedAction(
        "safe_mode_off",
        _empty,
        lambda payload: "Switch SAFE_MODE off: the desk may open positions once it runs",
        _safe_mode_effects,
        _safe_mode_execute,
        _safe_mode_precondition,
        current_hold=True,
    ),
    GuardedAction(
        "dry_run_off",
        _empty,
        lambda payload: "Switch DRY_RUN off: orders will be real",
        _dry_run_effects,
        _dry_run_execute,
        _dry_run_precondition,
        current_hold=True,
    ),
    GuardedAction("control_loosen", _control_schema, _control_sentence, _control_effects, _control_execute),
    GuardedAction("raise_limit", _limit_schema, _limit_sentence, _limit_effects, _limit_execute),
    GuardedAction("budget_change", _budget_schema, _budget_sentence, _budget_effects, _budget_execute),
    GuardedAction(
        "unfreeze_strategy",
        _strategy_schema,
        lambda payload: f"Unfreeze the strategy {payload['strategy']}",
        _unfreeze_effects,
        _unfreeze_execute,
    ),
    GuardedAction(
        "strategy_enable",
        _strategy_schema,
        lambda payload: f"Enable the strategy {payload['strategy']}",
        _enable_effects,
        _enable_execute,
    ),
)


def register() -> None:
    set_current_hold_reader(current_hold_id)
    for action in ACTIONS:
        guarded_action(action)
