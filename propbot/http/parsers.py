"""JSON bodies, read strictly: what two readers could understand differently is refused."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_KEYS = 1000
MAX_NUMBER_CHARACTERS = 64


class BodyTooLargeError(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"the body is larger than {MAX_BODY_BYTES} bytes"
    default_code = "body_too_large"


class StrictJSONError(ValueError):
    """Why a text is not a document that PropBot reads."""


def _no_constant(name: str) -> Any:
    raise StrictJSONError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise StrictJSONError(f"an object has more than {MAX_KEYS} names")
    table = dict(pairs)
    if len(table) != len(pairs):
        raise StrictJSONError("an object has the same name twice")
    return table


def _decimal(text: str) -> Decimal:
    # A long literal costs more than it says; the bounds of a value are the field's business.
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise StrictJSONError("a number is too long")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise StrictJSONError("a number is too long")
    return int(text)


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the recursive reader meets it. Brackets in strings do not count."""
    depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise StrictJSONError(f"nested deeper than {MAX_DEPTH}")
        elif character in "]}":
            depth -= 1


def _check_text(text: str, document: Any) -> None:
    """Half a surrogate pair is a string to Python and text to nobody: no answer that names it could be sent, and no
    row that holds it written."""
    try:
        text.encode()
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise StrictJSONError("half a surrogate pair is no text") from None


def strict_loads(raw: bytes | str) -> Any:
    """One JSON document. Fractions become Decimal. Raises StrictJSONError with a sentence.

    For every entry point, not only HTTP: WebSocket, Telegram and CLI read with it too.
    """
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError:
        raise StrictJSONError("not UTF-8") from None
    _check_depth(text)
    try:
        document = json.loads(
            text,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
            parse_float=_decimal,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"not JSON at line {error.lineno}, column {error.colno}") from None
    _check_text(text, document)
    return document


class StrictJSONParser(BaseParser):
    """An object of at most ``MAX_BODY_BYTES``; an empty body is an empty object."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if not raw.strip():
            return {}
        try:
            document = strict_loads(raw)
        except StrictJSONError as error:
            raise ParseError(f"the body cannot be read: {error}") from None
        if not isinstance(document, dict):
            raise ParseError("the body is not a JSON object")
        return document
