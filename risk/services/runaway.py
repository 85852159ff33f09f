"""The runaway guard: orders and cancels of the last minute, over all processes, against their limits."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.ports import ports
from risk.services.hold import hold_engage_unless_held
from risk.services.limits import limits_read

Kind = Literal["order", "cancel"]
LIMITS: dict[Kind, str] = {"order": "MAX_ORDERS_PER_MIN", "cancel": "MAX_CANCELS_PER_MIN"}
NEAR = Decimal("0.8")


@dataclass(frozen=True)
class RunawayState:
    """Counts of the rolling minute, limits, and which are NEAR LIMIT (80 %)."""

    limits: dict[str, int]
    counters: dict[str, int]
    near_limit: tuple[str, ...]


def runaway_state() -> RunawayState:
    """Counted from the journal's committed rows, so that every process sees the same."""
    figures, table = ports().execution(utc_now()), limits_read()
    counters = {
        "orders_last_60s": figures.orders_last_minute,
        "cancels_last_60s": figures.cancels_last_minute,
    }
    limits = {
        "max_orders_per_min": int(table.value("MAX_ORDERS_PER_MIN")),
        "max_cancels_per_min": int(table.value("MAX_CANCELS_PER_MIN")),
    }
    near = tuple(
        name
        for name, count, limit in zip(limits, counters.values(), limits.values(), strict=True)
        if count >= limit * NEAR
    )
    return RunawayState(limits, counters, near)


def runaway_check(*, kind: Kind, planned: int = 1) -> None:
    """Before ``planned`` more of that kind: over the limit it engages HOLD and raises 423 ``runaway_limit``.

    A cancel beyond its limit is still sent: its caller catches the refusal. Never call it inside a transaction.
    """
    figures, name = ports().execution(utc_now()), LIMITS[kind]
    count = figures.orders_last_minute if kind == "order" else figures.cancels_last_minute
    limit = limits_read().value(name)
    if count + planned <= limit:
        return
    text = f"{count} {kind}s in the last minute and {planned} more pass {name} {limit}"
    hold_engage_unless_held(reason=f"runaway: {text}", source="runaway_guard")
    raise RefusedError("runaway_limit", text, status=423, context={"cap": name.lower()})
