"""Strict readers of a venue's raw JSON: text in, exact values out, or a FieldError that names the field.

A venue that changes a field's type, sends NaN or drops a field must not be guessed at (RELIABILITY
B26, C3): numbers are read from JSON strings only, never from floats, with at most 38 digits.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from propbot.env import BadValueError, parse_decimal

Row = Mapping[str, Any]
MAX_JSON_TEXT = 8 * 1024 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_COUNT, LONGEST_IDENT = 19, 64
LATEST_MS = 4_102_444_800_000  # the year 2100: beyond it a "time" is something else


class FieldError(ValueError):
    """A field that cannot be read: unknown, never a default."""


def _no_constant(name: str) -> object:
    raise FieldError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise FieldError("a key stands twice in one object")
    return table


def read_json(text: str) -> Any:
    """The document, or None when it is no plain JSON: HTML, truncated, too long, NaN, duplicate keys."""
    if len(text) > MAX_JSON_TEXT:
        return None
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def row(value: object) -> Row:
    if not isinstance(value, dict):
        raise FieldError(f"an object was expected, not {type(value).__name__}")
    return cast(Row, value)


def rows(value: object) -> list[Row]:
    if not isinstance(value, list):
        raise FieldError(f"a list was expected, not {type(value).__name__}")
    return [row(item) for item in value]


def only(values: Sequence[Row]) -> Row:
    if len(values) != 1:
        raise FieldError(f"one row was expected, not {len(values)}")
    return values[0]


def text(source: Row, name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str) or not value:
        raise FieldError(f"{name} is not a text")
    return value


def ident(source: Row, name: str) -> str:
    """An id as the venue spells it: printable, and as short as the column that keeps it."""
    value = text(source, name)
    if len(value) > LONGEST_IDENT or not value.isascii() or not value.isprintable():
        raise FieldError(f"{name} is not an id")
    return value


def number(source: Row, name: str) -> Decimal:
    """A finite decimal from a JSON string. A JSON number is refused: it went through a float."""
    value = source.get(name)
    if not isinstance(value, str):
        raise FieldError(f"{name} is {type(value).__name__}, not a decimal in text")
    return decimal_of(value, name)


def decimal_of(value: str, name: str) -> Decimal:
    try:
        return parse_decimal(value)
    except BadValueError as error:
        raise FieldError(f"{name}: {error}") from None


def positive(source: Row, name: str) -> Decimal:
    value = number(source, name)
    if not value > 0:
        raise FieldError(f"{name} is {value}, not above zero")
    return value


def not_negative(source: Row, name: str) -> Decimal:
    value = number(source, name)
    if not value >= 0:
        raise FieldError(f"{name} is {value}, below zero")
    return value


def optional_number(source: Row, name: str) -> Decimal | None:
    """None when the venue leaves the field out or empty, which is its way to say "none"."""
    return None if source.get(name) in (None, "") else number(source, name)


def optional_price(source: Row, name: str) -> Decimal | None:
    """None when empty or 0, as both venues write "no price"."""
    value = optional_number(source, name)
    return value if value is not None and value > 0 else None


def count(source: Row, name: str, most: int) -> int:
    """A whole number from 1 to ``most``, as a JSON integer or digits in text."""
    value = source.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST_COUNT:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise FieldError(f"{name} is not a whole number from 1 to {most}")
    return value


def flag(source: Row, name: str) -> bool:
    """A JSON boolean, or OKX's "true" and "false"."""
    value = source.get(name)
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise FieldError(f"{name} is neither true nor false")
    return value


def moment(source: Row, name: str) -> datetime:
    """Epoch milliseconds as a JSON integer or digits in text, as aware UTC."""
    value = source.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < LATEST_MS:
        raise FieldError(f"{name} is not a time in epoch milliseconds")
    return EPOCH + timedelta(milliseconds=value)


def optional_moment(source: Row, name: str) -> datetime | None:
    return None if source.get(name) in (None, "", 0, "0") else moment(source, name)


def epoch_ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def one_of(source: Row, name: str, table: Mapping[str, Any]) -> Any:
    value = source.get(name)
    if not isinstance(value, str) or value not in table:
        raise FieldError(f"{name} is {str(value)[:40]!r}, which is not in the venue's table")
    return table[value]


def levels(value: object, contract_size: Decimal) -> tuple[tuple[Decimal, Decimal], ...]:
    """[[price, size, ...], ...] as (price, base quantity); refuses a price or size that is not above 0."""
    if not isinstance(value, list):
        raise FieldError("a side of the book is not a list")
    return tuple(_level(item, contract_size) for item in value)


def _level(item: object, contract_size: Decimal) -> tuple[Decimal, Decimal]:
    if not isinstance(item, list) or len(item) < 2:
        raise FieldError("a level of the book is not [price, size]")
    pair: Row = {"price": item[0], "size": item[1]}
    return positive(pair, "price"), positive(pair, "size") * contract_size


def plain(value: Decimal) -> str:
    """The decimal in plain notation, as a venue wants it: no exponent, no trailing zeros."""
    written = format(value, "f")
    return (written.rstrip("0").rstrip(".") if "." in written else written) or "0"
