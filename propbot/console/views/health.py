"""The probes. They say names of checks, never an inside."""

import os
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from propbot.console.metrics_text import metrics_text
from propbot.console.selectors.health import failing_checks


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nothing of anybody, so a dead trader never takes the web process down."""
    return JsonResponse({"ok": True})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    failing = failing_checks()
    if failing:
        return JsonResponse({"ok": False, "failing": failing}, status=503)
    return JsonResponse({"ok": True})


def from_private_network(request: HttpRequest) -> bool:
    """Loopback and private addresses only. The peer's address counts, not a header that anyone can send."""
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return False
    return peer.is_loopback or peer.is_private


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not from_private_network(request):
        return HttpResponse(status=403)
    text = metrics_text(multiprocess=bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR")))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
