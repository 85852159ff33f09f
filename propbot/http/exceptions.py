"""Errors as answers: one shape, a code where a program must branch, never an inside."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from propbot.errors import RecordingFailedError, RefusedError
from propbot.outages import database_away

log = structlog.get_logger(__name__)
DATABASE_RETRY_SECONDS = "2"


def error_body(code: str, message: str, context: dict[str, object] | None = None) -> dict[str, Any]:
    """``{"detail": {"error", "message", ...}, "error", ...}``: the code stands inside and beside."""
    beside = {name: value for name, value in (context or {}).items() if name not in ("detail", "error", "message")}
    return {"detail": {"error": code, "message": message, **beside}, "error": code, **beside}


def refused_response(error: RefusedError) -> Response:
    response = Response(error_body(error.code, error.message, error.context), status=error.status)
    retry_after = error.context.get("retry_after")
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def _first_sentence(detail: Any) -> str:
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()), ("", ""))
        return f"{name}: {_first_sentence(inner)}"
    if isinstance(detail, list):
        return _first_sentence(detail[0]) if detail else ""
    return str(detail)


def _api_response(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        body = error_body("invalid_body", _first_sentence(error.detail), {"fields": error.detail})
    else:
        body = {"detail": _first_sentence(error.detail)}
    response = Response(body, status=error.status_code)
    if getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    return response


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. None lets an unknown fault become a plain 500."""
    match error:
        case RefusedError():
            return refused_response(error)
        case RecordingFailedError():
            log.error("recording_failed", cause=str(error))
            return Response(error_body("recording_failed", "not recorded, so not done"), status=503)
        case RequestDataTooBig():
            return Response(error_body("body_too_large", "the body is too large"), status=413)
        case Http404():
            return Response({"detail": "not found"}, status=404)
        case PermissionDenied():
            return Response({"detail": "forbidden"}, status=403)
        case exceptions.APIException():
            return _api_response(error)
        case DatabaseError() | InterfaceError() if database_away(error):
            log.error("database_unavailable", cause=error.__class__.__name__)
            body = error_body("database_unavailable", "the database did not answer")
            return Response(body, status=503, headers={"Retry-After": DATABASE_RETRY_SECONDS})
    return None
