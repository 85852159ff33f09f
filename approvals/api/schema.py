"""What the OpenAPI document says of a DeskView: its body, its statuses, its security."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from propbot.http.answers import answer_shape
from propbot.http.serializers import StrictSerializer

OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {"detail": {}, "error": {"type": "string"}},
    "required": ["detail"],
    "additionalProperties": True,
}
JSON = "application/json"
READ_STATUSES = {
    "400": "a parameter cannot be read",
    "401": "no token, or a bad one",
    "403": "the role may not do this",
    "404": "there is no such thing",
    "405": "the route has no such method",
    "503": "something that the answer needs does not answer",
}
WRITE_STATUSES = {
    **READ_STATUSES,
    "409": "another request was first, or the state has changed",
    "410": "it has expired",
    "413": "the body is too large",
    "415": "the body is not JSON",
    "423": "the desk does not allow it now",
    "429": "too many requests; Retry-After says how long to wait",
    "500": "it failed inside, and nothing of it was done",
}
SAFE = ("get", "head", "options")


def bodies_named_by(view: object, handler: Callable[..., Any], depth: int = 2) -> list[type[StrictSerializer]]:
    """The request bodies that a handler's code names, itself or through the view's own methods:
    ``self.body(request, ThatBody)``."""
    code = getattr(handler, "__code__", None)
    found: list[type[StrictSerializer]] = []
    for name in code.co_names if code else ():
        item = handler.__globals__.get(name)
        if isinstance(item, type) and issubclass(item, StrictSerializer):
            found.append(item)
        own = getattr(type(view), name, None)
        if depth and callable(own) and name != "body":
            found += bodies_named_by(view, own, depth - 1)
    return found


class DeskSchema(AutoSchema):
    """Bodies from the handlers themselves, so that the document cannot say another thing than the code."""

    def get_request_serializer(self) -> Any:
        handler = getattr(type(self.view), self.method.lower(), None)
        named = bodies_named_by(self.view, handler) if handler else []
        declared = getattr(self.view, "body_class", None) or getattr(self.view, "fields", None)
        return declared or (named[0] if named else None)

    def get_response_serializers(self) -> Any:
        return None

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        return {status: self._described(status, text) for status, text in self._statuses().items()}

    def _statuses(self) -> dict[str, str]:
        if self.method.lower() in SAFE:
            return {"200": "the answer", **READ_STATUSES}
        return {
            "200": "done",
            "202": "asked: a second operator must approve, or the venue has not answered yet",
            **WRITE_STATUSES,
        }

    def _described(self, status: str, text: str) -> dict[str, Any]:
        if not status.startswith("2"):
            return {"description": text, "content": {JSON: {"schema": ERROR}}}
        kinds: tuple[str, ...] = getattr(self.view, "answers_as", (JSON,))
        whole = answer_shape(self.method, self.path, status) or OBJECT
        content = {kind: {"schema": whole if kind == JSON else {"type": "string"}} for kind in kinds}
        return {"description": text, "content": content}

    def _get_parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._get_parameters()
        if self.method == "POST":
            found.append(
                {
                    "in": "header",
                    "name": "Idempotency-Key",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                    "description": "the same key and body gives the first answer again",
                }
            )
        return found

    def get_operation_id(self) -> str:
        """From method and path, whole: shorter names would meet (cancel-all and cancel_all)."""
        spelled = re.sub(r"[{}]", "", self.path.strip("/")).replace("/", ".")
        return f"{self.method.lower()}.{spelled}"

    def get_auth(self) -> list[dict[str, Any]]:
        """Token or session; the open desk of paper is no scheme that a client could choose."""
        kept = self.view.authentication_classes
        self.view.authentication_classes = [item for item in kept if item.__name__ != "OpenDeskAuthentication"]
        try:
            found: list[dict[str, Any]] = super().get_auth()
        finally:
            self.view.authentication_classes = kept
        return found

    def get_description(self) -> str:  # type: ignore[override]
        """The view's own words; an inherited docstring describes the base, not the route."""
        return inspect.cleandoc(type(self.view).__dict__.get("__doc__") or "")

    def _get_serializer_name(self, serializer: Any, direction: Direction, bypass_extensions: bool = False) -> str:
        """With the floor in front: two floors may each have a ConfirmBody."""
        name = str(super()._get_serializer_name(serializer, direction, bypass_extensions))
        kind = serializer if isinstance(serializer, type) else type(serializer)
        floor = kind.__module__.removeprefix("propbot.").split(".")[0]
        return f"{floor.capitalize()}{name}"

    def get_tags(self) -> list[str]:
        return [self.view.__class__.__module__.split(".")[0]]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "approvals.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "approvals.api.authentication.DeskSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class NumberFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "propbot.http.fields.NumberField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        text = {"type": "string", "pattern": r"^[+-]?(\d{1,38}(\.\d{0,38})?|\.\d{1,38})([eE][+-]?\d{1,2})?$"}
        return {"oneOf": [{"type": "number"}, text]}


class VenuesFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "risk.api.bodies.VenuesField"

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        return {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
