"""Who stands behind a socket: a session of the same site, or a bearer token in the handshake."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from knox.models import AuthToken

from approvals.api.authentication import token_found
from approvals.choices import Role
from approvals.roles import role_of
from propbot.clock import utc_now

READERS = frozenset({Role.VIEWER, Role.AUDITOR, Role.OPERATOR})


@dataclass(frozen=True)
class Visitor:
    """Enough to ask again later whether this person may still look."""

    user_id: int
    session_key: str = ""
    token_digest: str = ""


def visitor_of(scope: dict[str, Any]) -> Visitor | None:
    """None for strangers, for bad and expired tokens, and for users without a role."""
    token = _bearer(scope)
    if token:
        return _token_visitor(token)
    user = scope.get("user")
    if user is None or not user.is_authenticated:
        return None
    visitor = Visitor(user_id=user.pk, session_key=scope["session"].session_key)
    return visitor if visitor_still_allowed(visitor) else None


def visitor_still_allowed(visitor: Visitor) -> bool:
    user = _session_user(visitor) if visitor.session_key else _token_user(visitor)
    return user is not None and bool(user.is_active) and role_of(user) in READERS


def _bearer(scope: dict[str, Any]) -> bytes:
    headers = dict(scope.get("headers", []))
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    return bytes(token).strip() if kind.lower() == b"bearer" else b""


def _token_visitor(token: bytes) -> Visitor | None:
    row = token_found(token)
    if row is None:
        return None
    visitor = Visitor(user_id=row.user.pk, token_digest=row.digest)
    return visitor if visitor_still_allowed(visitor) else None


def _token_user(visitor: Visitor) -> Any:
    row = AuthToken.objects.select_related("user").filter(digest=visitor.token_digest).first()
    if row is None or not _unexpired(row):
        return None
    return row.user


def _unexpired(row: Any) -> bool:

    return row.expiry is None or bool(row.expiry > utc_now())


def _session_user(visitor: Visitor) -> AbstractBaseUser | None:
    """The session as it is stored now: a logout or a changed password ends it (get_user checks the hash)."""
    request = HttpRequest()
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(visitor.session_key)
    user = get_user(request)
    return user if user.is_authenticated and user.pk == visitor.user_id else None
