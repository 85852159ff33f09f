"""Who calls: a knox bearer token or a session with CSRF. Reading writes nothing but the last use."""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from approvals.models import TokenNote
from propbot.clock import utc_now

LAST_USE_EVERY = timedelta(minutes=1)
MAX_TOKEN = 256


class BearerAuthentication(TokenAuthentication):
    """``Authorization: Bearer <token>``; hashed in the database, compared in constant time."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authenticate_credentials(self, token: bytes) -> tuple[AbstractBaseUser, AuthToken]:
        found = token_found(token)
        if found is None:
            raise exceptions.AuthenticationFailed("invalid or expired token")
        return found.user, found


def token_found(raw: bytes | str) -> AuthToken | None:
    """The live token of an active user, or None. Unlike knox's own reader it deletes nothing."""
    try:
        text = raw.decode("ascii") if isinstance(raw, bytes) else raw
        wanted = hash_token(text) if len(text) <= MAX_TOKEN else ""
    except (UnicodeDecodeError, ValueError, TypeError):
        return None
    # The digest is a 512-bit hash of a random token: looking it up by index tells a guesser nothing.
    live = Q(expiry__isnull=True) | Q(expiry__gt=utc_now())
    key = text[: CONSTANTS.TOKEN_KEY_LENGTH]
    return (
        AuthToken.objects.select_related("user")
        .filter(live, token_key=key, digest=wanted, user__is_active=True)
        .first()
    )


def note_use(token: AuthToken, ip: str) -> None:
    """Remember the last use, at most once a minute."""
    now = utc_now()
    TokenNote.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USE_EVERY), digest=token.digest
    ).update(last_used_at=now, last_used_ip=ip[:64])


class DeskSessionAuthentication(SessionAuthentication):
    """The dashboard's session. DRF enforces CSRF for it on every unsafe method."""
