"""Numbers of request bodies: finite, bounded, spelled in ASCII, and named when they are wrong."""

import re
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from propbot.errors import RefusedError

NUMBER_TEXT = re.compile(r"[+-]?(\d{1,38}(\.\d{0,38})?|\.\d{1,38})([eE][+-]?\d{1,2})?", re.ASCII)
MAX_DIGITS = 38
MAX_EXPONENT = 18


def invalid_number(field: str, why: str) -> RefusedError:
    return RefusedError("invalid_number", f"{field} {why}", status=400, context={"field": field})


def _as_decimal(field: str, value: object) -> Decimal:
    if isinstance(value, bool):
        raise invalid_number(field, "is true or false, not a number")
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and NUMBER_TEXT.fullmatch(value):
        return Decimal(value)
    raise invalid_number(field, "is not a number: send a JSON number or an ASCII decimal string")


def parse_number(field: str, value: object) -> Decimal:
    """A finite decimal of at most 38 digits, between 1e-18 and 1e18 in size; raises ``invalid_number``."""
    number = _as_decimal(field, value)
    if not number.is_finite():
        raise invalid_number(field, "is not finite")
    _, digits, exponent = number.as_tuple()
    if len(digits) > MAX_DIGITS or not isinstance(exponent, int):
        raise invalid_number(field, f"has more than {MAX_DIGITS} digits")
    if number != 0 and (abs(number.adjusted()) > MAX_EXPONENT or exponent < -MAX_DIGITS):
        raise invalid_number(field, f"lies outside 1e-{MAX_EXPONENT} to 1e{MAX_EXPONENT}")
    return Decimal(0) if number == 0 else number


class NumberField(serializers.Field[Decimal, Any, str, Any]):
    """A Decimal. ``above`` is an exclusive lower bound, ``minimum`` and ``maximum`` inclusive ones.

    Thresholds: ``NumberField(minimum=0)``. Notionals, leverage, limits: ``NumberField(above=0)``.
    """

    def __init__(
        self,
        *,
        above: int | Decimal | None = None,
        minimum: int | Decimal | None = None,
        maximum: int | Decimal | None = None,
        **kwargs: Any,
    ) -> None:
        self.above, self.minimum, self.maximum = above, minimum, maximum
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        name = self.field_name or "value"
        number = parse_number(name, data)
        if self.above is not None and number <= self.above:
            raise invalid_number(name, f"must be above {self.above}")
        if self.minimum is not None and number < self.minimum:
            raise invalid_number(name, f"must be at least {self.minimum}")
        if self.maximum is not None and number > self.maximum:
            raise invalid_number(name, f"must be at most {self.maximum}")
        return number

    def to_representation(self, value: Decimal) -> str:
        return format(value, "f")


class WholeNumberField(NumberField):
    """A NumberField without a fraction."""

    def to_internal_value(self, data: Any) -> Decimal:
        number = super().to_internal_value(data)
        if number != number.to_integral_value():
            raise invalid_number(self.field_name or "value", "is not a whole number")
        return number
