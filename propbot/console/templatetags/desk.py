"""How figures are written on PropBot's pages. None is written as "no data", never as a number."""

from collections.abc import Hashable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from propbot.clock import utc_now
from propbot.console.phrases import ago

register = template.Library()
NO_DATA = format_html('<span class="nodata">{}</span>', "no data")
TONES = {
    "OK": "is-good",
    "RUN": "is-good",
    "active": "is-good",
    "open": "is-good",
    "executed": "is-good",
    "allowed": "is-good",
    "simulated": "is-info",
    "WARN": "is-warn",
    "requested": "is-warn",
    "approved": "is-good",
    "pending": "is-warn",
    "unresolved": "is-warn",
    "NEAR LIMIT": "is-warn",
    "closing": "is-info",
    "opening": "is-info",
    "info": "is-info",
    "warning": "is-warn",
    "critical": "is-bad",
    "HOLD": "is-bad",
    "ERROR": "is-bad",
    "BLOCKED": "is-bad",
    "partial": "is-loud",
    "blocked_by_risk": "is-bad",
    "frozen_by_risk": "is-bad",
    "denied": "is-bad",
    "forbidden": "is-bad",
    "failed": "is-bad",
    "NO DATA": "",
}


def as_decimal(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def as_time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else parse_datetime(value) if isinstance(value, str) else None


@register.filter
def money(value: object, places: int = 2) -> str | SafeString:
    """12 345.67 with thin grouping; the unit stands beside it on the page."""
    number = as_decimal(value)
    return NO_DATA if number is None else f"{number:,.{places}f}"


@register.filter
def signed(value: object, places: int = 2) -> str | SafeString:
    """+1.20 in green, -1.20 in red: sign and colour, for those who see no colour."""
    number = as_decimal(value)
    if number is None:
        return NO_DATA
    number = round(number, places)
    tone = "good" if number > 0 else "bad" if number < 0 else ""
    return format_html('<span class="{}">{}</span>', tone, f"{number:+,.{places}f}" if number else f"{0:.{places}f}")


@register.filter
def plain(value: object) -> str | SafeString:
    """A quantity or price as it is, without trailing zeros."""
    number = as_decimal(value)
    if number is None:
        return NO_DATA
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def share(value: object) -> str | SafeString:
    number = as_decimal(value)
    return NO_DATA if number is None else f"{number * 100:.1f} %"


@register.filter
def known(value: object) -> Any:
    """Text, or "no data"; a false flag is data."""
    return NO_DATA if value is None or value == "" else value


@register.filter
def yesno_badge(value: object, labels: str = "yes,no") -> SafeString:
    if value is None:
        return NO_DATA
    on, off = labels.split(",")
    return format_html('<span class="badge {}">{}</span>', "is-good" if value else "", on if value else off)


@register.filter
def tone(value: object) -> str:
    return TONES.get(str(value), "")


@register.filter
def since(value: object) -> str | SafeString:
    """ "4 min ago", kept counting by the page's own script."""
    at = as_time(value)
    if at is None:
        return NO_DATA
    return format_html('<time datetime="{0}" title="{0}" data-ago>{1}</time>', at.isoformat(), ago(at, utc_now()))


@register.filter
def clock(value: object) -> str | SafeString:
    at = as_time(value)
    return NO_DATA if at is None else format_html('<time datetime="{}">{}</time>', at.isoformat(), f"{at:%H:%M:%S}")


@register.filter
def moment(value: object) -> str | SafeString:
    at = as_time(value)
    if at is None:
        return NO_DATA
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S} UTC")


@register.filter
def entry(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


@register.filter
def words(value: object) -> str:
    return str(value or "").replace("_", " ")


@register.filter
@lru_cache(maxsize=2048)
def listed(hedge: Hashable) -> SafeString:
    """A line of the list of hedges. It says nothing but what the hedge's figures are, so equal figures need one drawing."""
    return render_to_string("console/partials/hedge_row.html", {"hedge": hedge})
