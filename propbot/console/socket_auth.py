"""Who stands behind a socket: a session of the same site, or a bearer token in the handshake."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from channels.auth import AuthMiddlewareStack
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, User
from django.http import HttpRequest

from approvals.api.authentication import digest_of, token_found
from approvals.choices import Role
from approvals.roles import role_of
from propbot import statements
from propbot.clock import utc_now
from propbot.console.sights import SIGHTS

# Prewritten: two hundred sockets that come back at once ask it two hundred times.
LIVE = """JOIN knox_authtoken ON knox_authtoken.user_id = auth_user.id
 WHERE digest = %s AND (expiry IS NULL OR expiry > %s)"""
READERS = frozenset({Role.VIEWER, Role.AUDITOR, Role.OPERATOR})


class BearerOrSession:
    """Django's session and user for whoever brings no token; a program with its token has neither to be looked for."""

    def __init__(self, application: Any) -> None:
        self._plain, self._with_session = application, AuthMiddlewareStack(application)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await (self._plain if _bearer(scope) else self._with_session)(scope, receive, send)


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


async def visitor_at_sight(scope: dict[str, Any]) -> Visitor | None:
    """The same without a thread, for a token that is plainly in order; None says nothing against anybody."""
    token = _bearer(scope)
    try:
        digest = digest_of(token.decode("ascii")) if token else ""
    except ValueError:  # no text, or no token's text
        return None
    return await _reader_at_sight(digest)


async def plainly_allowed(visitor: Visitor) -> bool:
    """Whether a sight says that this one may still look; False says nothing against anybody."""
    return await _reader_at_sight(visitor.token_digest) is not None


async def _reader_at_sight(digest: str) -> Visitor | None:
    sight = await SIGHTS.sight(digest) if digest else None
    token = sight.callers.get(digest) if sight else None
    if token is None or role_of(token.user) not in READERS:
        return None
    return Visitor(user_id=token.user.pk, token_digest=token.digest)


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
    return Visitor(user_id=row.user.pk, token_digest=row.digest) if role_of(row.user) in READERS else None


def _token_user(visitor: Visitor) -> User | None:
    return next(iter(statements.found(User, LIVE, [visitor.token_digest, utc_now()])), None)


def _session_user(visitor: Visitor) -> AbstractBaseUser | None:
    """The session as it is stored now: a logout or a changed password ends it (get_user checks the hash)."""
    request = HttpRequest()
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(visitor.session_key)
    user = get_user(request)
    return user if user.is_authenticated and user.pk == visitor.user_id else None
