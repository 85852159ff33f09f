"""Routes. Apps are named by string: this module stands above the floors by nature."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

handler404 = "propbot.http.missing.not_found"
handler500 = "propbot.http.missing.failed"
FLOORS = ("propbot.console.urls", "approvals.urls", "risk.urls", "trading.urls", "audit.urls")

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("", include(name)) for name in FLOORS),
    # One login for all, which asks for the one-time code: the admin's own would let a password alone in.
    path("admin/login/", RedirectView.as_view(url="/ui/login", query_string=True)),
    path("admin/", admin.site.urls),
]
