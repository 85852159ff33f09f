"""/ui/dashboard and the fragment from which it renews itself."""

from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from propbot.console.selectors.status import status_snapshot
from propbot.console.views.figures import FIGURES
from propbot.console.views.guard import page, reader_of


def _context(request: HttpRequest) -> dict[str, Any]:
    """What may be acted on is read and rendered for this reader now; the figures are those of everybody."""
    figures, snapshot = FIGURES.read(), status_snapshot()
    snapshot["approvals"] = {"pending": snapshot["pending"], "recent": snapshot["approvals_recent"]}
    return {"s": snapshot, "figures": figures, "who": reader_of(request), "page": "dashboard"}


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
