"""What the login tells: a name that is locked out is recorded and told."""

from typing import Any

import structlog
from django.db import DatabaseError
from django.http import HttpRequest

from approvals.api.base import address_of, request_id_of
from audit.context import Actor
from audit.services import alert, record
from propbot.errors import RecordingFailedError

log = structlog.get_logger(__name__)


def locked_out(sender: Any, request: HttpRequest | None = None, username: str = "", **kwargs: Any) -> None:
    """After too many failed logins. The name is what was typed, so it is only a claim."""
    ip = address_of(request) if request else ""
    actor = Actor(
        name="anonymous",
        channel="dashboard",
        ip=ip,
        request_id=request_id_of(request) if request else "",
        claimed=str(username)[:120],
    )
    text = f"Login as {str(username)[:64]!r} from {ip} is locked out after too many failures"
    alert(kind="login_locked_out", severity="warning", text=text, extra={"ip": ip})
    try:
        record(action="login", target=str(username)[:120], status="denied", details={"locked_out": True}, actor=actor)
    except (RecordingFailedError, DatabaseError) as error:
        # The login stays refused either way.
        log.error("lockout_not_recorded", cause=error.__class__.__name__)
