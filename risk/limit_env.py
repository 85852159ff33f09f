"""The environment's limits: starting values of the rows, and what drift is measured against."""

from collections.abc import Mapping
from decimal import Decimal

from propbot.config import SETTINGS, values
from propbot.env import Values
from risk.limits import RULES, SCOPED_ONLY, Key, full_name

OVERRIDABLE = ("MAX_POSITION_USDT", "MAX_OPEN_ORDERS")


def limits_of(env: Values) -> dict[Key, Decimal | None]:
    """Name and scope -> value, of everything that risk limits."""
    known = {setting.name for setting in SETTINGS}
    table: dict[Key, Decimal | None] = {
        (name, ""): env.optional_decimal(name) for name in RULES if name in known and name not in SCOPED_ONLY
    }
    for venue, limit in env.venue_limits("MAX_NOTIONAL_PER_EXCHANGE").items():
        table["MAX_NOTIONAL_PER_EXCHANGE", venue] = limit
    for name in OVERRIDABLE:
        table.update({(name, scope): limit for scope, limit in env.scoped(name).items()})
    return table


def current() -> dict[Key, Decimal | None]:
    return limits_of(values())


def drift(rows: Mapping[Key, Decimal | None], env: Mapping[Key, Decimal | None]) -> list[dict[str, object]]:
    """Where the row and the environment differ; the row wins."""
    return [
        {"name": full_name(*key), "row": rows.get(key), "environment": env.get(key)}
        for key in sorted({*rows, *env})
        if rows.get(key) != env.get(key)
    ]
