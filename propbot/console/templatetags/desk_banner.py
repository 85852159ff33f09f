"""The state of the desk at the top of every page of the admin."""

from typing import Any

from django import template
from django.db import DatabaseError

from propbot.console.selectors.desk import desk_now
from risk.models import DeskState

register = template.Library()


@register.inclusion_tag("console/partials/admin_banner.html", takes_context=True)
def desk_banner(context: template.Context) -> dict[str, Any]:
    """Nothing for strangers (the login page); "cannot be read" when the row cannot be read."""
    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return {"shown": False}
    try:
        return {"shown": True, "s": desk_now()}
    except (DatabaseError, DeskState.DoesNotExist):
        return {"shown": True, "s": None}
