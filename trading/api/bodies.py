"""Request bodies of the trading endpoints: numbers are checked and named, unknown fields refused."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from propbot.errors import RefusedError
from propbot.http.fields import NumberField
from propbot.http.serializers import StrictSerializer
from trading.services.universe import symbol_checked


class SymbolField(serializers.CharField):
    """An ASCII symbol such as BTCUSDT."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=32, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return symbol_checked(data)


class SpreadBody(StrictSerializer):
    """``min_spread`` in USDT per unit or ``min_spread_bps``; at least one where an order may follow."""

    symbol = SymbolField(required=False)
    min_spread = NumberField(minimum=0, required=False)
    min_spread_bps = NumberField(minimum=0, required=False)


class PreviewBody(SpreadBody):
    pair = SymbolField(required=False)
    notional = NumberField(above=0, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        symbol = attrs.get("symbol") or attrs.get("pair")
        if not symbol:
            raise serializers.ValidationError({"symbol": ["this field is required"]})
        return {**attrs, "symbol": symbol}


class ExecuteBody(SpreadBody):
    symbol = SymbolField()
    notion_usdt = NumberField(above=0)
    leverage = NumberField(above=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "min_spread" not in attrs and "min_spread_bps" not in attrs:
            raise serializers.ValidationError({"min_spread": ["min_spread or min_spread_bps is required"]})
        return attrs


class ConfirmBody(StrictSerializer):
    opportunity_id = serializers.UUIDField()
    token = serializers.CharField(max_length=256, trim_whitespace=False)


class UniverseBody(StrictSerializer):
    allowed = serializers.BooleanField()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and not isinstance(data.get("allowed"), bool):
            raise serializers.ValidationError({"allowed": ["true or false is required"]})
        return super().to_internal_value(data)


def flag_of(query: Mapping[str, str], name: str) -> bool | None:
    """true or false of a query string; absent is None, anything else is 400."""
    text = query.get(name)
    if text is None or text == "":
        return None
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise RefusedError("invalid_filter", f"{name} is true or false", context={"field": name})


def word_of(query: Mapping[str, str], name: str) -> str:
    """A short ASCII word of a query string, matched exactly and never as a pattern."""
    text = query.get(name, "")
    if len(text) > 64 or not text.isascii():
        raise RefusedError("invalid_filter", f"{name} is not a short ASCII word", context={"field": name})
    return text
