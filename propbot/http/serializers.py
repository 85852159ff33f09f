"""Request bodies: a field that is not known is refused, an identity that is claimed is only noted."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from propbot.redaction import redact_text

# Older clients send who they think they are. Identity is always the caller's; the claim is recorded.
CLAIMS = ("requested_by", "actor")
MAX_REASON = 1000


class StrictSerializer(serializers.Serializer[Any]):
    """Base of every request body: unknown fields are 400, ``reason`` is always accepted."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_REASON)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("the body is not a JSON object")
        known = {name for name, field in self.fields.items() if not field.read_only}
        unknown = [str(name)[:64] for name in data if name not in known and name not in CLAIMS]
        if unknown:
            raise serializers.ValidationError({name: ["unknown field"] for name in unknown})
        return super().to_internal_value({name: value for name, value in data.items() if name in known})

    def validate_reason(self, value: str) -> str:
        """A secret that slips into a reason would stand in the desk's state, in alerts and in reports (law 11)."""
        return redact_text(value)


class EmptyBody(StrictSerializer):
    """Nothing but a reason."""


def claimed_identity(data: object) -> str:
    """What the body says about its sender, for the record."""
    if not isinstance(data, Mapping):
        return ""
    claims = (str(data[name])[:120] for name in CLAIMS if data.get(name))
    return redact_text("; ".join(claims))
