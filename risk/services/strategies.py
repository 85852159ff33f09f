"""The life of a strategy: enabled by operators, frozen by risk, unfrozen by two people (SPEC 7)."""

from datetime import datetime
from decimal import Decimal

from django.db.models import F

from approvals.models import ApprovalRequest
from approvals.services import approval_request
from audit.context import current_actor
from audit.services import alert, audited, record
from propbot import statements
from propbot.clock import utc_day_start, utc_now
from propbot.errors import RefusedError
from risk.budgets import loss_freezes
from risk.intents import PnlFigures, StrategyPnl
from risk.looks import looked, plainly
from risk.models import Strategy, StrategyEvent
from risk.ports import ports
from risk.registry import strategy_names
from risk.seeding import strategy_seed
from risk.selectors import desk_read
from risk.services.facts import risk_flags, strategy_row, used_today
from risk.services.notices import notify


def strategy_named(name: str) -> Strategy:
    row = strategy_row(name)
    if row is None:
        raise RefusedError("unknown_strategy", f"no strategy is named {name[:64]!r}", status=404)
    return row


def strategies_all() -> list[Strategy]:
    """Every registered strategy, each with its row."""
    rows = {row.name: row for row in statements.found(Strategy, "ORDER BY name")}
    return [rows.get(name) or strategy_seed(name) for name in strategy_names()]


def _locked(name: str) -> Strategy:
    strategy_named(name)
    return Strategy.objects.select_for_update().get(name=name)


def strategy_event(row: Strategy, kind: str, reason: str) -> None:
    now = utc_now()
    StrategyEvent.objects.create(strategy=row, at=now, kind=kind, person=current_actor().name, reason=reason)
    notify("strategies")


@looked(plainly, prepared=True)
def strategies_live() -> list[str]:
    """Names of those that may propose now: enabled, neither frozen nor throttled."""
    live = Strategy.objects.filter(enabled=True, frozen=False, throttled=False)
    return list(live.values_list("name", flat=True))


def strategy_assert_active(name: str) -> Strategy:
    """Raises RefusedError 423 for a frozen, disabled or throttled strategy."""
    row = strategy_named(name)
    if row.frozen:
        raise RefusedError("strategy_frozen", f"{name} is frozen: {row.freeze_reason}", status=423)
    if not row.enabled:
        raise RefusedError("strategy_disabled", f"{name} is disabled", status=423)
    if row.throttled:
        raise RefusedError("strategy_throttled", f"{name} repeated itself too often", status=423)
    return row


def strategy_freeze(*, name: str, reason: str) -> bool:
    """Freeze at once; False when it was frozen already."""
    with audited():
        row = _locked(name)
        if row.frozen:
            return False
        row.frozen, row.freeze_reason, row.frozen_at, row.changed_at = True, reason, utc_now(), utc_now()
        row.save()
        strategy_event(row, "freeze", reason)
        record(action="freeze_strategy", target=name, details={"reason": reason})
    alert(kind="strategy_frozen", severity="critical", text=f"Strategy {name} frozen: {reason}")
    return True


def strategy_unfreeze_execute(*, name: str, reason: str) -> dict[str, object]:
    """Inside the approving transaction. The failure counter begins anew; the daily budget does not."""
    row = _locked(name)
    row.frozen, row.freeze_reason, row.frozen_at = False, "", None
    row.consecutive_failures, row.throttled, row.changed_at = 0, False, utc_now()
    row.save()
    strategy_event(row, "unfreeze", reason)
    return {"strategy": name, "frozen": False}


def strategy_unfreeze_request(*, name: str, reason: str) -> ApprovalRequest:
    row = strategy_named(name)
    if not row.frozen:
        raise RefusedError("not_frozen", f"{name} is not frozen", status=409)
    return approval_request(action="unfreeze_strategy", target=name, payload={"strategy": name}, reason=reason)


def strategy_switch_execute(*, name: str, enabled: bool, reason: str) -> dict[str, object]:
    """The switch itself, inside an audited transaction. Enabling also lifts a latched throttle."""
    row = _locked(name)
    row.enabled, row.changed_at = enabled, utc_now()
    row.throttled = row.throttled and not enabled
    row.save()
    strategy_event(row, "enable" if enabled else "disable", reason)
    return {"strategy": name, "enabled": enabled}


def strategy_disable(*, name: str, reason: str) -> dict[str, object]:
    """One operator, at once."""
    with audited():
        result = strategy_switch_execute(name=name, enabled=False, reason=reason)
        record(action="disable_strategy", target=name, details={"reason": reason})
    alert(kind="strategy_disabled", severity="warning", text=f"Strategy {name} disabled: {reason}")
    return result


def strategy_enable_request(*, name: str, reason: str) -> ApprovalRequest | None:
    """Two people; None when it is enabled and not throttled already."""
    row = strategy_named(name)
    if row.enabled and not row.throttled:
        return None
    return approval_request(action="strategy_enable", target=name, payload={"strategy": name}, reason=reason)


def strategy_failure_count(name: str, *, reason: str = "") -> int:
    """One more failure in a row; freezes the strategy at its limit. Called after the failed hedge is committed."""
    row = strategy_named(name)
    Strategy.objects.filter(pk=row.pk).update(consecutive_failures=F("consecutive_failures") + 1)
    row.refresh_from_db()
    if row.consecutive_failures >= row.max_consecutive_failures and not row.frozen:
        count = row.consecutive_failures
        strategy_freeze(name=name, reason=f"{count} failures in a row{': ' + reason if reason else ''}")
    return int(row.consecutive_failures)


def strategy_success_count(name: str) -> None:
    """A hedge that opened ends the row of failures."""
    Strategy.objects.filter(name=name, consecutive_failures__gt=0).update(consecutive_failures=0)


def strategy_throttle(*, name: str, reason: str) -> None:
    """Latches until a person re-enables the strategy (RTS 6 article 15: repeated automated execution)."""
    with audited():
        if Strategy.objects.filter(name=name, throttled=False).update(throttled=True, changed_at=utc_now()) != 1:
            return
        strategy_event(strategy_named(name), "throttle", reason)
        record(action="throttle_strategy", target=name, details={"reason": reason})
    alert(kind="strategy_throttled", severity="critical", text=f"Strategy {name} throttled: {reason}")


def freeze_on_daily_loss(pnl: PnlFigures, now: datetime) -> list[str]:
    """Freeze every strategy whose real loss of the day passes its limit, where budgets are enforced."""
    flags = risk_flags()
    if not (flags.checks and flags.budgets) or desk_read().dry_run:
        return []
    frozen = []
    for row in strategies_all():
        used = used_today(row, pnl.per_strategy.get(row.name, StrategyPnl()), now)
        if loss_freezes(used, row.daily_loss_usdt) and not row.frozen:
            reason = f"daily loss {used} USDT passes {row.daily_loss_usdt}"
            if strategy_freeze(name=row.name, reason=reason):
                frozen.append(row.name)
    return frozen


def budgets_roll_over(now: datetime) -> list[str]:
    """Write down that the day has begun anew. Only a record: the figures follow the clock by themselves."""
    day = utc_day_start(now)
    rolled = []
    for row in statements.found(Strategy, "WHERE last_reset_at < %s ORDER BY name", [day]):
        moved = Strategy.objects.filter(pk=row.pk, last_reset_at__lt=day).update(
            last_reset_at=day, loss_baseline_usdt=Decimal(0)
        )
        if moved:
            strategy_event(row, "daily_reset", "00:00 UTC")
            rolled.append(row.name)
    return rolled


def budget_reset(*, name: str, reason: str) -> Strategy:
    """The one loosening of a single operator: once per strategy and UTC day, audited BUDGET_RESET, with an alert."""
    now = utc_now()
    pnl = ports().pnl(now).per_strategy.get(name, StrategyPnl())
    with audited():
        row = _locked(name)
        # A clock that stepped back over midnight opens no second reset for the day before.
        if row.reset_by_hand_on is not None and row.reset_by_hand_on >= utc_day_start(now).date():
            raise RefusedError("already_reset", f"the budget of {name} was reset by hand today already", status=409)
        before = used_today(row, pnl, now)
        row.loss_baseline_usdt, row.last_reset_at = pnl.realized_today_usdt, now
        row.reset_by_hand_on, row.changed_at = utc_day_start(now).date(), now
        row.save()
        strategy_event(row, "budget_reset", reason)
        record(action="BUDGET_RESET", target=name, details={"used_today_usdt": before, "reason": reason})
    alert(
        kind="budget_reset",
        severity="warning",
        text=f"Daily budget of {name} reset by {current_actor().name}: {before} USDT had been used",
        extra={"reason": reason},
    )
    return row


BUDGET_FIELDS = ("max_notional_usdt", "max_open_positions", "daily_loss_usdt", "max_consecutive_failures")
WHOLE_FIELDS = frozenset({"max_open_positions", "max_consecutive_failures"})


def budget_value(field: str, value: Decimal) -> Decimal | int:
    """The value in the field's type; RefusedError ``invalid_number``."""
    whole = value == value.to_integral_value() if value.is_finite() else False
    if not value.is_finite() or value <= 0 or (field in WHOLE_FIELDS and not whole):
        raise RefusedError("invalid_number", f"{field} cannot be {value}", context={"field": "value"})
    return int(value) if field in WHOLE_FIELDS else value


def budget_write(*, name: str, field: str, value: Decimal, reason: str) -> dict[str, object]:
    """Inside an audited transaction."""
    row = _locked(name)
    before = getattr(row, field)
    setattr(row, field, budget_value(field, value))
    row.changed_at = utc_now()
    row.save()
    strategy_event(row, "budget_change", f"{field} {before} -> {value}: {reason}")
    return {"strategy": name, "field": field, "before": before, "after": value}


def budget_change(*, name: str, field: str, value: Decimal, reason: str) -> ApprovalRequest | None:
    """Lower a strategy's limit at once (None), or ask for raising it."""
    if field not in BUDGET_FIELDS:
        raise RefusedError("unknown_limit", f"{field[:64]!r} is not a limit of a strategy", context={"field": "name"})
    checked = budget_value(field, value)
    if checked > getattr(strategy_named(name), field):
        payload = {"strategy": name, "field": field, "value": f"{value:f}"}
        return approval_request(action="budget_change", target=f"{name}.{field}", payload=payload, reason=reason)
    with audited():
        details = budget_write(name=name, field=field, value=value, reason=reason)
        record(action="lower_budget", target=f"{name}.{field}", details={**details, "reason": reason})
    return None
