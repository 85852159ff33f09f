"""What a change means, for whoever is asked to agree to it: headroom, worst-case loss and value at risk, before and
after. Figures in USDT as plain text; what is not known says so."""

from decimal import Decimal
from typing import Any

from propbot.clock import utc_now
from risk.limits import LimitsTable
from risk.ports import ports
from risk.reports.desk import current_use
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


def worst_case_loss(limits: LimitsTable) -> Decimal:
    """Everything open that may be, one venue down, its legs alone through a move of 5 %."""
    return most_notional(limits) * VENUE_DOWN_MOVE


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


def book_effects(limits: LimitsTable) -> dict[str, str]:
    """What the limits let happen at the worst."""
    if not most_notional(limits).is_finite():
        return {"worst_case_loss_usdt": "unlimited", "var_1d_99_at_full_use_usdt": "unlimited"}
    var = var_at(most_notional(limits))
    return {
        "worst_case_loss_usdt": _plain(worst_case_loss(limits)),
        "var_1d_99_at_full_use_usdt": UNKNOWN if var is None else _plain(var),
    }


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
