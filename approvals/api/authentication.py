"""Who calls: a knox bearer token or a session with CSRF. Reading writes nothing but the last use.

Token, user, person and role are one question: every answer begins with it.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import Q
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from approvals.models import Person, PersonAccount, TokenNote
from approvals.roles import BESIDE_USER, GROUPS, standing_note
from propbot import statements
from propbot.clock import utc_now

LAST_USE_EVERY = timedelta(minutes=1)
MAX_TOKEN = 256
# Beside the token: whether its last use was noted lately.
NOTED = """EXISTS (SELECT 1 FROM approvals_tokennote
 WHERE approvals_tokennote.digest = knox_authtoken.digest AND last_used_at >= %s)"""
CALLER = (AuthToken, User, PersonAccount, Person)
BESIDE_TOKEN = f"JOIN auth_user ON auth_user.id = knox_authtoken.user_id {BESIDE_USER}"
STILL_LIVE = "(knox_authtoken.expiry IS NULL OR knox_authtoken.expiry > %s) AND auth_user.is_active"
LIVE = f"{BESIDE_TOKEN} WHERE token_key = %s AND knox_authtoken.digest = %s AND {STILL_LIVE}"


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
        wanted = digest_of(text)
    except (UnicodeDecodeError, ValueError, TypeError):
        return None
    # The digest is a 512-bit hash of a random token: looking it up by index tells a guesser nothing.
    now, key = utc_now(), text[: CONSTANTS.TOKEN_KEY_LENGTH]
    asked = [now - LAST_USE_EVERY, key, wanted, now]
    for models, (noted, groups) in statements.found_joined(CALLER, (NOTED, GROUPS), LIVE, asked):
        return token_of(*models, noted=noted, groups=groups)
    return None


def digest_of(text: str) -> str:
    """What the database knows a token by; empty for what is too long to be one. Raises what is not hexadecimal."""
    return hash_token(text) if len(text) <= MAX_TOKEN else ""


def token_of(
    token: AuthToken,
    user: User,
    account: PersonAccount | None,
    person: Person | None,
    *,
    noted: bool,
    groups: Iterable[str],
) -> AuthToken:
    """The token with what was read beside it."""
    standing_note(user, account, person, groups)
    token.user = user
    vars(token)["noted"] = noted
    return token


def use_is_noted(token: AuthToken) -> bool:
    return bool(vars(token).get("noted"))


def note_use(token: AuthToken, ip: str) -> None:
    """Remember the last use, at most once a minute."""
    if use_is_noted(token):
        return
    now = utc_now()
    TokenNote.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USE_EVERY), digest=token.digest
    ).update(last_used_at=now, last_used_ip=ip[:64])


class DeskSessionAuthentication(SessionAuthentication):
    """The dashboard's session. DRF enforces CSRF for it on every unsafe method."""
