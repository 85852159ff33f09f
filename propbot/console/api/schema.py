"""The OpenAPI description and the page that browses it, to people with a role."""

from typing import Any

from csp.constants import NONCE, SELF
from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView

from approvals.api.base import DeskView
from propbot.console.views.guard import page, reader_of

# Swagger UI writes inline styles; its scripts are files of ours, and the starting one carries the nonce.
DOCS_POLICY: dict[str, Any] = {
    "default-src": [SELF],
    "script-src": [SELF, NONCE],
    "style-src": [SELF, "'unsafe-inline'"],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": [SELF],
}


class SchemaView(DeskView, SpectacularAPIView):
    """Answers JSON unless YAML is asked for."""

    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]


def _docs(request: HttpRequest) -> HttpResponse:
    return render(request, "console/docs.html", {"who": reader_of(request), "page": "docs"})


docs = csp(DOCS_POLICY)(require_safe(page(_docs)))
