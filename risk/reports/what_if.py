"""What a change means, for whoever is asked to agree to it: headroom, worst-case loss and value at risk, before and
after. Figures in USDT as plain text; what is not known says so."""

from copy import copy
from decimal import Decimal
from typing import Any

from propbot.clock import utc_now
from risk.desk import ControlSnapshot
from risk.intents import StrategyExposure
from risk.limits import LimitsTable
from risk.models import Strategy
from risk.ports import ports
from risk.reports.desk import current_use
from risk.services.facts import reserved_now
from risk.services.limits import limits_read
from risk.var import var_table

# One venue down while prices move by this much leaves that venue's legs alone.
VENUE_DOWN_MOVE = Decimal("0.05")
EXPOSURE_LIMITS = frozenset(
    {"MAX_TOTAL_NOTIONAL_USDT", "MAX_TOTAL_NOTIONAL_USD", "MAX_NOTIONAL_PER_EXCHANGE", "MAX_POSITION_USDT"}
)
VAR_KEY = "1d_99"
UNKNOWN = "unknown: too short a history of the open book"


def most_notional(limits: LimitsTable) -> Decimal:
    """The most that may be open under all caps together, one leg of each hedge counted."""
    by_count = limits.value("MAX_OPEN_POSITIONS") * limits.value("MAX_NOTIONAL_PER_POSITION_USDT")
    bounds = [limits.value("MAX_TOTAL_NOTIONAL_USDT"), by_count]
    per_venue = limits.per_venue()
    if per_venue:
        # Each hedge stands on two of the venues: half their sum, whatever the pairing.
        bounds.append(sum(per_venue.values(), Decimal(0)) / 2)
    return min(bounds)


def var_at(notional_usdt: Decimal) -> Decimal | None:
    """One day at 99 % if so much of the book that is open now were open; None without a book or its history."""
    read = ports().book
    lines = list(read(utc_now())) if read is not None else []
    open_now = sum((line.notional_usdt for line in lines), Decimal(0))
    if not lines or not open_now > 0:
        return None
    totals: Any = var_table(lines)["total"]
    found: Decimal | None = totals[VAR_KEY]
    return None if found is None else found * notional_usdt / open_now


def _plain(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')):f}"


def open_effects(amount_usdt: Decimal) -> dict[str, str]:
    """What may happen at the worst with so much open."""
    if not amount_usdt.is_finite():
        return {"worst_case_loss_usdt": "unlimited", "var_1d_99_at_full_use_usdt": "unlimited"}
    var = Decimal(0) if amount_usdt == 0 else var_at(amount_usdt)
    return {
        "worst_case_loss_usdt": _plain(amount_usdt * VENUE_DOWN_MOVE),
        "var_1d_99_at_full_use_usdt": UNKNOWN if var is None else _plain(var),
    }


def book_effects(limits: LimitsTable) -> dict[str, str]:
    """What the limits let happen at the worst."""
    return open_effects(most_notional(limits))


def _room(amount_usdt: Decimal, use_usdt: Decimal) -> str:
    return f"{max(Decimal(0), amount_usdt - use_usdt):f}" if amount_usdt.is_finite() else "unlimited"


def what_if(name: str, scope: str, value: Decimal) -> dict[str, Any]:
    """Under that value of the limit, the others as they stand."""
    limits = limits_read().with_value(name, scope, value if value.is_finite() else Decimal(0))
    effects: dict[str, Any] = book_effects(limits)
    if not value.is_finite():
        return {"headroom": "unlimited", **effects}
    use = current_use(name, scope)
    if use is not None:
        effects["headroom"] = f"{max(Decimal(0), value - use):f}"
    if name in EXPOSURE_LIMITS:
        effects["loss_with_one_venue_down_5pct_usdt"] = f"{value * VENUE_DOWN_MOVE:f}"
    return effects


def strategy_what_if(row: Strategy, **changed: Any) -> dict[str, Any]:
    """Of one strategy alone, with these columns as they would be. One that may not open keeps what is open."""
    row = copy(row)
    for name, value in changed.items():
        setattr(row, name, value)
    limits = limits_read()
    by_count = row.max_open_positions * limits.value("MAX_NOTIONAL_PER_POSITION_USDT")
    most = min(most_notional(limits), row.max_notional_usdt, by_count)
    held = ports().exposure().per_strategy.get(row.name, StrategyExposure()).open_notional_usdt
    use = held + reserved_now().per_strategy.get(row.name, StrategyExposure()).open_notional_usdt
    stopped = not row.enabled or row.frozen or row.throttled
    may_stand = use if stopped else max(most, use)
    return {
        "headroom": _room(may_stand, use),
        **open_effects(may_stand),
        "daily_loss_that_freezes_usdt": f"{row.daily_loss_usdt:f}",
    }


def desk_what_if(*, opens: bool) -> dict[str, Any]:
    """Of the whole desk: what may stand while it opens, or what stands while it only reduces."""
    limits = limits_read()
    use = ports().exposure().total_notional_usdt + reserved_now().notional_usdt
    may_stand = max(most_notional(limits), use) if opens else use
    return {"headroom": _room(may_stand, use), **open_effects(may_stand)}


def control_what_if(control: ControlSnapshot) -> dict[str, Any]:
    """Under these control settings: the desk, what machines open by themselves, and one hedge of theirs."""
    opens = not control.reduce_only
    one = control.order_notional_usdt
    return {
        **desk_what_if(opens=opens),
        "opened_by_machines_at_once_usdt": f"{one if opens and control.auto_hedge_enabled else Decimal(0):f}",
        "one_hedge_loss_with_one_venue_down_5pct_usdt": _plain(one * VENUE_DOWN_MOVE),
        "one_hedge_entry_slippage_at_most_usdt": _plain(2 * one * control.max_slippage_bps / 10_000),
    }
