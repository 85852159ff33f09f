"""AUTH_ENABLED=false, in paper only: whoever reaches the port acts as one named person, `open-desk`.

The checks refuse the setting in any other profile; this module asks again, because a desk with keys
must not open by a mistake in one place.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from approvals.choices import Role
from approvals.models import Person
from approvals.services.people import person_create

NAME = "open-desk"
ORIGIN = "HTTP_ORIGIN"


def is_open() -> bool:
    values = settings.PROPBOT
    return values.text("PROFILE") == "paper" and not values.flag("AUTH_ENABLED")


def open_user() -> User:
    """The one account of the open desk; its password opens nothing."""
    person = Person.objects.filter(name=NAME).first() or person_create(name=NAME, role=Role.OPERATOR)
    return person.accounts.select_related("user").order_by("linked_at")[0].user


class OpenDeskAuthentication(BaseAuthentication):
    """Comes last: a token or a session, where there is one, still says who it is.

    A page of another site must not act through the operator's browser: a request with an Origin is
    answered only when the origin is this host.
    """

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        if not is_open() or request.META.get("HTTP_AUTHORIZATION"):
            return None
        origin = request.META.get(ORIGIN)
        own = f"{request.scheme}://{request.get_host()}"
        if origin is not None and origin != own:
            return None
        return open_user(), None
