"""The second factors of a decision: the shared approve token and, where enrolled, a one-time code.

The token identifies nobody. Wrong ones are counted in the database while its row is locked, so no
number of threads or addresses compares more of them than the limit; what is locked out is approving,
never stopping.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django_otp.plugins.otp_totp.models import TOTPDevice

from approvals.models import Person, TokenGuard
from approvals.roles import account_of
from audit.services import alert
from propbot.clock import database_now
from propbot.errors import RefusedError

PERSON_LIMIT = 5
GLOBAL_LIMIT = 20
ALERT_AT = 5
WINDOW = timedelta(minutes=15)
LOCKOUT = timedelta(minutes=15)
GLOBAL_SCOPE = "global"
_PROCESS_KEY = secrets.token_bytes(32)


@dataclass(frozen=True)
class TokenVerdict:
    """What one comparison found. ``alert_due`` once, when the wrong ones reach ``ALERT_AT``."""

    matched: bool
    locked_until: datetime | None = None
    alert_due: bool = False


def same_secret(given: str, wanted: str) -> bool:
    """Constant time in both: the MACs have one length and are unknown to the caller."""
    macs = [
        hmac.new(_PROCESS_KEY, text.encode("utf-8", "replace"), hashlib.sha256).digest() for text in (given, wanted)
    ]
    return hmac.compare_digest(macs[0], macs[1])


def _locked_guards(person: Person, now: datetime) -> list[TokenGuard]:
    scopes = sorted([f"person:{person.pk}", GLOBAL_SCOPE])
    TokenGuard.objects.bulk_create(
        [TokenGuard(scope=scope, window_started_at=now) for scope in scopes], ignore_conflicts=True
    )
    # Always in the same order: two deciders must not wait for each other.
    return list(TokenGuard.objects.select_for_update().filter(scope__in=scopes).order_by("scope"))


def _limit(guard: TokenGuard) -> int:
    return GLOBAL_LIMIT if guard.scope == GLOBAL_SCOPE else PERSON_LIMIT


def _count_wrong(guard: TokenGuard, now: datetime) -> None:
    if now - guard.window_started_at > WINDOW:
        guard.failures, guard.window_started_at = 0, now
    guard.failures += 1
    if guard.failures >= _limit(guard):
        guard.locked_until, guard.failures, guard.window_started_at = now + LOCKOUT, 0, now
    guard.save(update_fields=["failures", "window_started_at", "locked_until"])


def _forgive(guard: TokenGuard, person: Person) -> None:
    if guard.scope != GLOBAL_SCOPE and guard.failures:
        guard.failures = 0
        guard.save(update_fields=["failures"])


@transaction.atomic
def _compare(person: Person, token: str) -> TokenVerdict:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '12s'")
    now = database_now()
    guards = _locked_guards(person, now)
    locks = [guard.locked_until for guard in guards if guard.locked_until and guard.locked_until > now]
    if locks:
        return TokenVerdict(False, locked_until=max(locks))
    wanted = settings.PROPBOT.text("APPROVE_TOKEN")
    if wanted and token and same_secret(token, wanted):
        for guard in guards:
            _forgive(guard, person)
        return TokenVerdict(True)
    personal = next(guard for guard in guards if guard.scope != GLOBAL_SCOPE)
    alert_due = personal.failures + 1 == ALERT_AT
    for guard in guards:
        _count_wrong(guard, now)
    return TokenVerdict(False, alert_due=alert_due)


def approve_token_check(*, person: Person, token: str) -> None:
    """Raises RefusedError 401 ``bad_token`` or 429 ``approval_locked``. Commits its count by itself."""
    verdict = _compare(person, token)
    if verdict.alert_due:
        text = f"{ALERT_AT} wrong approve tokens from {person.name}: approving is locked for {LOCKOUT}"
        alert(kind="approve_token_locked", severity="critical", text=text, extra={"person": person.name})
    if verdict.locked_until:
        wait = max(1, int((verdict.locked_until - database_now()).total_seconds()))
        raise RefusedError(
            "approval_locked", "too many wrong approve tokens", status=429, context={"retry_after": wait}
        )
    if not verdict.matched:
        raise RefusedError("bad_token", "the approve token is missing or wrong", status=401)


def chat_factor_check(*, person: Person, token: str) -> None:
    """From a chat: never the approve token, which would stand there for all to read; a TOTP code is demanded later.

    Raises RefusedError 401 ``token_in_chat``, 401 ``bad_token`` where nothing can be confirmed, 429 ``approval_locked``.
    """
    if token:
        raise RefusedError("token_in_chat", "the approve token is never sent in a chat", status=401)
    if not settings.PROPBOT.text("APPROVE_TOKEN"):
        raise RefusedError("bad_token", "no approve token is set: nothing can be confirmed", status=401)
    locked = TokenGuard.objects.filter(scope__in=[f"person:{person.pk}", GLOBAL_SCOPE], locked_until__gt=database_now())
    if locked.exists():
        raise RefusedError("approval_locked", "too many wrong approve tokens", status=429)


def otp_check(*, person: Person, otp: str | None, required: bool = False) -> None:
    """Where the person has enrolled a TOTP device, or ``required``, a fresh code is needed: 401 ``otp_required``,
    ``bad_otp``; ``otp_not_enrolled`` where one is required and nobody enrolled a device."""
    devices = TOTPDevice.objects.filter(user__person_account__person=person, confirmed=True)
    if not devices.exists():
        if required:
            raise RefusedError("otp_not_enrolled", "enroll a TOTP device before you approve here", status=401)
        return
    _code_check(devices, otp)


def login_otp_check(*, user: User, otp: str | None) -> None:
    """The second step of a login: a fresh code of any device that the account's person has, else of the account.

    RefusedError as ``otp_check``; silent where nobody enrolled.
    """
    account = account_of(user)
    if account is not None:
        otp_check(person=account.person, otp=otp)
        return
    devices = TOTPDevice.objects.filter(user=user, confirmed=True)
    if devices.exists():
        _code_check(devices, otp)


def _code_check(devices: QuerySet[TOTPDevice], otp: str | None) -> None:
    if not otp:
        raise RefusedError("otp_required", "a one-time code is needed", status=401)
    with transaction.atomic():
        # verify_token saves its throttle and the last used step; the lock keeps one code from passing twice.
        matched = any(device.verify_token(otp) for device in devices.select_for_update())
    if not matched:
        raise RefusedError("bad_otp", "the one-time code is wrong or used", status=401)
