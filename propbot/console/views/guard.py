"""Who may look at a page: a session, or the API's bearer token; a role; and the page's own content policy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from csp.constants import NONCE, NONE, SELF
from csp.decorators import csp
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from approvals.api.authentication import BearerAuthentication
from approvals.choices import Role
from approvals.roles import standing_of
from propbot.config import values
from propbot.outages import database_away

PAGE_POLICY: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [NONCE],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}


@dataclass(frozen=True)
class Reader:
    """Who looks at the page, and what the page may offer."""

    name: str
    role: str
    session: bool
    staff: bool

    @property
    def is_operator(self) -> bool:
        return self.role == Role.OPERATOR.value

    @property
    def simulator(self) -> bool:
        return self.profile == "simulator"

    @property
    def profile(self) -> str:
        return values().text("PROFILE")

    @property
    def flower_url(self) -> str:
        """Only where one supervisor runs everything on this machine is Flower at a known address."""
        return f"http://127.0.0.1:{values().integer('PORT') + 2}/" if self.simulator else ""


PageView = Callable[..., HttpResponse]


def page(view: PageView) -> Callable[..., HttpResponseBase]:
    """A page of the console: 404 without accounts, the login for strangers, 403 without a role."""

    @csp(PAGE_POLICY)
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not values().flag("AUTH_ENABLED"):
            raise Http404
        try:
            return _answered(request, *args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            if not database_away(error):
                raise
            # The page must say what still works when the database is away (law 1).
            return render(request, "console/unreadable.html", status=503)

    def _answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            token_user = BearerAuthentication().authenticate(Request(request))
        except AuthenticationFailed:
            return HttpResponse("invalid or expired token\n", status=401, content_type="text/plain")
        if token_user is not None:
            request.user = token_user[0]
        if not request.user.is_authenticated:
            return redirect(f"/ui/login?{urlencode({'next': request.get_full_path()})}")
        reader = _reader(request, session=token_user is None)
        if reader is None:
            return HttpResponse("this account has no role on the desk\n", status=403, content_type="text/plain")
        request.reader = reader  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return guarded


def _reader(request: HttpRequest, *, session: bool) -> Reader | None:
    account, role = standing_of(request.user) or (None, None)
    if account is None or role is None:
        return None
    return Reader(
        account.person.name, role.value, session=session, staff=bool(getattr(request.user, "is_staff", False))
    )


def reader_of(request: HttpRequest) -> Reader:
    found: Reader = request.reader  # type: ignore[attr-defined]
    return found
