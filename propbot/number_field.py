"""Column types of money and quantities: 38 digits, 18 of them fractional (law 12)."""

from decimal import Decimal
from typing import Any

from django.db import models


class NumberField(models.DecimalField[Any, Any]):
    """An exact decimal. Migrations show it as a plain DecimalField."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 38)
        kwargs.setdefault("decimal_places", 18)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DecimalField", list(args), dict(kwargs)

    def from_db_value(self, value: Decimal | None, expression: object, connection: object) -> Decimal | None:
        """Drop the column's trailing zeros: 0.010000000000000000 reads as 0.01."""
        if value is None:
            return None
        plain = value.normalize()
        return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain
