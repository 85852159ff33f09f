"""limit and offset of a listing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime

from propbot.errors import RefusedError
from propbot.http.fields import invalid_number

MAX_OFFSET = 10_000_000


@dataclass(frozen=True)
class Page:
    limit: int
    offset: int

    def next_offset(self, total: int) -> int | None:
        following = self.offset + self.limit
        return following if following < total else None


def whole_of(query: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    """A whole number of the query string; 400 ``invalid_number`` naming the parameter."""
    text = query.get(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise invalid_number(name, "is not a whole number")
    if not low <= int(text) <= high:
        raise invalid_number(name, f"must lie between {low} and {high}")
    return int(text)


def page_of(query: Mapping[str, str], *, default: int = 50, maximum: int = 500) -> Page:
    """The page that a query string asks for; raises ``invalid_number`` naming the parameter."""
    return Page(
        limit=whole_of(query, "limit", default=default, low=1, high=maximum),
        offset=whole_of(query, "offset", default=0, low=0, high=MAX_OFFSET),
    )


def instant_of(query: Mapping[str, str], name: str) -> datetime | None:
    """An aware time from the query string; None when it is not given; 400 ``invalid_time`` otherwise."""
    text = query.get(name)
    if not text:
        return None
    try:
        at = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        message = f"{name} is not an ISO 8601 time with a zone"
        raise RefusedError("invalid_time", message, context={"field": name})
    return at


def word_of(query: Mapping[str, str], name: str, *, maximum: int = 128) -> str | None:
    """A filter's text; None when it is not given."""
    text = query.get(name)
    if not text:
        return None
    if len(text) > maximum or "\x00" in text:
        raise RefusedError("invalid_filter", f"{name} is too long or not text", context={"field": name})
    return text
