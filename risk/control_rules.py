"""Which direction of each control setting loosens (API, PATCH control), and which values it takes. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from propbot.errors import RefusedError
from risk.desk import ControlSnapshot

# True: turning it on loosens; False: turning it off loosens.
FLAGS_LOOSENED_BY = {"post_only": False, "reduce_only": False, "auto_hedge_enabled": True}
# True: a larger value loosens; False: a smaller one does.
NUMBERS_LOOSENED_UP = {
    "order_notional_usdt": True,
    "max_slippage_bps": True,
    "min_spread_bps": False,
    "poll_interval_sec": False,
}
ALWAYS_LOOSEN = ("loop_pair", "loop_venues")
FIELDS = (*FLAGS_LOOSENED_BY, *NUMBERS_LOOSENED_UP, *ALWAYS_LOOSEN)
SYMBOL = re.compile(r"[A-Z0-9]{2,32}", re.ASCII)
VENUE = re.compile(r"[a-z0-9-]{2,32}", re.ASCII)
MAXIMUM = {"max_slippage_bps": Decimal(1000), "poll_interval_sec": Decimal(3600)}
MINIMUM = {"poll_interval_sec": Decimal("0.5")}


def current_value(control: ControlSnapshot, name: str) -> Any:
    value = getattr(control, name)
    return list(value) if name == "loop_venues" else value


def loosens(control: ControlSnapshot, name: str, value: Any) -> bool:
    """Whether this change needs a second person."""
    if name in FLAGS_LOOSENED_BY:
        return bool(value == FLAGS_LOOSENED_BY[name])
    if name in NUMBERS_LOOSENED_UP:
        before = current_value(control, name)
        return bool(value > before) if NUMBERS_LOOSENED_UP[name] else bool(value < before)
    return True


def _refuse(name: str, message: str, code: str = "invalid_value") -> RefusedError:
    return RefusedError(code, f"{name}: {message}", context={"field": name})


def _number(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise _refuse(name, "it is not a number", "invalid_number") from None
    if isinstance(value, bool) or not number.is_finite() or abs(number.adjusted()) > 18:
        raise _refuse(name, "it is not a plain finite number", "invalid_number")
    if number < MINIMUM.get(name, Decimal(0)) or (name == "order_notional_usdt" and not number > 0):
        raise _refuse(name, f"{number} is too small", "invalid_number")
    if number > MAXIMUM.get(name, Decimal(10) ** 18):
        raise _refuse(name, f"{number} is too large", "invalid_number")
    return number


def _pair(value: Any) -> str:
    text = str(value or "")
    if text and not SYMBOL.fullmatch(text):
        raise _refuse("loop_pair", "an uppercase symbol such as BTCUSDT is expected")
    return text


def _venues(value: Any) -> list[str]:
    items = value.split(",") if isinstance(value, str) else list(value or [])
    venues = [str(item) for item in items if item != ""]
    if any(not VENUE.fullmatch(venue) for venue in venues) or len(set(venues)) != len(venues):
        raise _refuse("loop_venues", "a list of different venue ids is expected")
    if len(venues) == 1:
        raise _refuse("loop_venues", "a loop needs two venues, or none for the strategy's default")
    return venues


def checked_value(name: str, value: Any) -> Any:
    """The value in its own type. Raises RefusedError ``invalid_number`` or ``invalid_value`` naming the field."""
    if name in FLAGS_LOOSENED_BY:
        if not isinstance(value, bool):
            raise _refuse(name, "true or false is expected")
        return value
    if name in NUMBERS_LOOSENED_UP:
        return _number(name, value)
    return _pair(value) if name == "loop_pair" else _venues(value)


def checked_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise RefusedError("unknown_field", f"not control settings: {', '.join(unknown)}")
    return {name: checked_value(name, changes[name]) for name in FIELDS if name in changes}
