"""JSON answers: money as plain decimal strings, times in UTC, never NaN."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder


class DeskEncoder(JSONEncoder):
    def default(self, obj: Any) -> Any:
        if isinstance(obj, Decimal):
            return format(obj, "f") if obj.is_finite() else None
        if isinstance(obj, datetime):
            return obj.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return super().default(obj)


class DeskJSONRenderer(JSONRenderer):
    encoder_class = DeskEncoder


def jsonable(document: Any) -> Any:
    """The document as it will be sent, for what keeps an answer."""
    return json.loads(json.dumps(document, cls=DeskEncoder, allow_nan=False))
