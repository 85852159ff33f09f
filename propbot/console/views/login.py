"""Signing in and out. Failed attempts are counted and locked out by axes; a locked name gets 429."""

from typing import Any

from csp.decorators import csp
from django.contrib.auth.views import LoginView, LogoutView
from django.utils.decorators import method_decorator

from approvals.login import DeskLoginForm
from propbot.config import values
from propbot.console.views.guard import PAGE_POLICY


@method_decorator(csp(PAGE_POLICY), name="dispatch")
class DeskLogin(LoginView):
    template_name = "console/login.html"
    authentication_form = DeskLoginForm
    redirect_authenticated_user = False
    next_page = "/ui/dashboard"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "simulator": values().text("PROFILE") == "simulator"}


class DeskLogout(LogoutView):
    next_page = "/ui/login"
