"""Request bodies of the risk floor."""

from typing import Any

from rest_framework import serializers

from propbot.http.fields import NumberField
from propbot.http.serializers import StrictSerializer


class ConfirmBody(StrictSerializer):
    token = serializers.CharField(required=False, allow_blank=True, default="", max_length=512)
    otp = serializers.CharField(required=False, allow_blank=True, default="", max_length=16)
    payload_digest = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)


class StrategyBody(StrictSerializer):
    strategy = serializers.CharField(max_length=64)


class StrategyConfirmBody(ConfirmBody):
    strategy = serializers.CharField(max_length=64)


class StrategySwitchBody(StrategyBody):
    enabled = serializers.BooleanField()


class LimitBody(StrictSerializer):
    name = serializers.CharField(max_length=128)
    value = NumberField(minimum=0)


class VenuesField(serializers.Field[Any, Any, Any, Any]):
    """A list of venue ids, or the comma list of the environment."""

    def to_internal_value(self, data: Any) -> Any:
        if data is None or isinstance(data, str) or (isinstance(data, list) and all(isinstance(x, str) for x in data)):
            return data
        raise serializers.ValidationError("a list of venue ids is expected")

    def to_representation(self, value: Any) -> Any:
        return value


class ControlBody(StrictSerializer):
    safe_mode = serializers.BooleanField(required=False)
    dry_run_mode = serializers.BooleanField(required=False)
    post_only = serializers.BooleanField(required=False)
    reduce_only = serializers.BooleanField(required=False)
    order_notional_usdt = NumberField(required=False, above=0)
    max_slippage_bps = NumberField(required=False, minimum=0, maximum=1000)
    min_spread_bps = NumberField(required=False, minimum=0)
    poll_interval_sec = NumberField(required=False, above=0)
    loop_pair = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=32)
    loop_venues = VenuesField(required=False, allow_null=True)
    auto_hedge_enabled = serializers.BooleanField(required=False)
