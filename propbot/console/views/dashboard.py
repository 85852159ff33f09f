"""/ui/dashboard and the fragment from which it renews itself."""

from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from propbot.console.cache import remembered
from propbot.console.charts import Chart, Point, line_chart
from propbot.console.selectors.market_page import spread_series, value_at_risk
from propbot.console.selectors.status import status_snapshot
from propbot.console.templatetags.desk import as_decimal
from propbot.console.views.guard import page, reader_of

# Both move slowly, and value at risk reads a week of samples.
VAR_MILLISECONDS = 60_000
SPREAD_MILLISECONDS = 15_000


def _points(rows: list[list[Any]]) -> list[Point]:
    read = ((parse_datetime(at), as_decimal(value)) for at, value in rows)
    return [Point(at, value) for at, value in read if at is not None and value is not None]


def _chart(snapshot: dict[str, Any]) -> Chart | None:
    series = snapshot["chart_series"]
    return line_chart(_points(series["real"]), _points(series["simulated"]))


def _context(request: HttpRequest) -> dict[str, Any]:
    snapshot = status_snapshot()
    snapshot["chart"] = _chart(snapshot)
    snapshot["approvals"] = {"pending": snapshot["pending"], "recent": snapshot["approvals_recent"]}
    snapshot["var"] = remembered("var", value_at_risk, milliseconds=VAR_MILLISECONDS)
    spread = remembered("spread", spread_series, milliseconds=SPREAD_MILLISECONDS)
    snapshot["spread"] = {**spread, "chart": line_chart(_points(spread["points"]))}
    return {"s": snapshot, "who": reader_of(request), "page": "dashboard"}


@require_safe
def front_door(request: HttpRequest) -> HttpResponse:
    return redirect("/ui/dashboard")


@require_safe
@ensure_csrf_cookie
@page
def dashboard(request: HttpRequest) -> HttpResponse:
    told = next(iter(get_messages(request)), None)
    words = {"message": str(told), "message_tone": "good" if told.level_tag == "success" else "bad"} if told else {}
    return render(request, "console/dashboard.html", {**_context(request), **words})


@require_safe
@page
def sections(request: HttpRequest) -> HttpResponse:
    return render(request, "console/sections_page.html", _context(request))
