"""Persons, their accounts and roles. Every change is recorded; a role's end takes its permissions along."""

import re
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from guardian.models import UserObjectPermission
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS

from approvals.choices import Role
from approvals.models import Person, PersonAccount, TokenNote
from approvals.models.people import NAME_PATTERN
from approvals.roles import active_operators
from audit.services import alert, audited, record
from propbot.clock import database_now
from propbot.errors import RefusedError

BOOTSTRAP_LOCK = 0x50420010
SHORTEST_IMPORTED = 24
STAFF_ROLES = (Role.AUDITOR, Role.OPERATOR)


def name_checked(name: object) -> str:
    """A person's name: ASCII, lower case, 2 to 64 characters. Raises RefusedError 400."""
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name, re.ASCII):
        raise RefusedError(
            "invalid_name", "a name is 2 to 64 of a-z, 0-9, dot, dash and underscore, and begins with a letter"
        )
    return name


def person_named(name: object) -> Person:
    person = Person.objects.filter(name=name_checked(name)).first()
    if person is None:
        raise RefusedError("unknown_person", f"nobody is named {name}", status=404)
    return person


def _checked_password(password: str | None) -> None:
    if password is None:
        return
    try:
        validate_password(password)
    except ValidationError as error:
        raise RefusedError("weak_password", " ".join(error.messages)) from None


def _new_account(person: Person, username: str, role: Role, password_hash: str) -> User:
    user = get_user_model().objects.create(
        username=username, password=password_hash, is_staff=role in STAFF_ROLES, is_superuser=False
    )
    user.groups.set([Group.objects.get(name=role.value)])
    PersonAccount.objects.create(user=user, person=person)
    return user


def person_create(*, name: str, role: Role, password: str | None = None) -> Person:
    """A person with one account of the same name. Without a password only tokens open it."""
    name_checked(name)
    _checked_password(password)
    user_model = get_user_model()
    if Person.objects.filter(name=name).exists() or user_model.objects.filter(username__iexact=name).exists():
        raise RefusedError("name_taken", f"{name} exists already", status=409)
    # Hashing is slow on purpose: before the transaction, which may not idle.
    password_hash = make_password(password)
    with audited():
        since = database_now() if role is Role.OPERATOR else None
        person = Person.objects.create(name=name, operator_since=since)
        _new_account(person, name, role, password_hash)
        record(action="person_create", target=name, details={"role": role.value})
    return person


def _lock_person(person: Person) -> Person:
    """Deciders hold this row FOR SHARE: a role that ends here is seen there, or waits for it."""
    return Person.objects.select_for_update().get(pk=person.pk)


def _drop_decisions(person: Person) -> None:
    UserObjectPermission.objects.filter(
        user__person_account__person=person, permission__codename="decide_approvalrequest"
    ).delete()


def role_set(*, person: Person, role: Role | None) -> None:
    """Give every account of a person exactly this role, or none. Joins the caller's ``audited()``."""
    with audited():
        held = _lock_person(person)
        groups = [Group.objects.get(name=role.value)] if role else []
        for account in held.accounts.select_related("user"):
            account.user.groups.set(groups)
            account.user.is_staff = role in STAFF_ROLES
            account.user.save(update_fields=["is_staff"])
        if role is not Role.OPERATOR:
            held.operator_since = None
            _drop_decisions(held)
        elif held.operator_since is None:
            held.operator_since = database_now()
        held.save(update_fields=["operator_since"])
        record(action="role_set", target=held.name, details={"role": role.value if role else None})


def person_deactivate(*, person: Person) -> None:
    """Nothing of this person opens anything any more: accounts, tokens, permissions."""
    with audited():
        held = _lock_person(person)
        held.active = False
        held.save(update_fields=["active"])
        for account in held.accounts.select_related("user"):
            account.user.is_active = False
            account.user.save(update_fields=["is_active"])
            AuthToken.objects.filter(user=account.user).delete()
        _drop_decisions(held)
        record(action="person_deactivate", target=held.name)


def username_free(username: object) -> str:
    """The name of a new account. Raises RefusedError 400, or 409 ``name_taken``, whatever its letters' case."""
    name = name_checked(username)
    if get_user_model().objects.filter(username__iexact=name).exists():
        raise RefusedError("name_taken", f"an account {name} exists already", status=409)
    return name


def account_link(*, person: Person, username: str) -> User:
    """One more account for a person, with the role that the person has."""
    username_free(username)
    first = person.accounts.select_related("user").order_by("linked_at").first()
    group = first.user.groups.filter(name__in=Role.values).first() if first else None
    if group is None:
        raise RefusedError("no_role", f"{person.name} has no role that an account could take")
    with audited():
        user = _new_account(_lock_person(person), username, Role(group.name), make_password(None))
        record(action="account_link", target=person.name, details={"username": username})
    return user


def telegram_link(*, person: Person, telegram_id: int) -> None:
    if Person.objects.filter(telegram_id=telegram_id).exclude(pk=person.pk).exists():
        raise RefusedError("telegram_taken", "that Telegram id belongs to another person", status=409)
    with audited():
        Person.objects.filter(pk=person.pk).update(telegram_id=telegram_id)
        record(action="telegram_link", target=person.name, details={"telegram_id": telegram_id})


def operators_bootstrap(*, names: tuple[str, str], passwords: tuple[str, str]) -> list[Person]:
    """The first two operators. Refused for ever once any operator exists."""
    if names[0] == names[1]:
        raise RefusedError("same_person", "two operators are two persons")
    with audited():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BOOTSTRAP_LOCK])
        if Person.objects.filter(operator_since__isnull=False).exists() or active_operators().exists():
            raise RefusedError("already_bootstrapped", "there are operators already: ask one of them", status=409)
        people = [
            person_create(name=name, role=Role.OPERATOR, password=password)
            for name, password in zip(names, passwords, strict=True)
        ]
        record(action="bootstrap_operators", details={"names": list(names)})
    return people


def token_issue(*, person: Person, hours: int, label: str = "") -> str:
    """A bearer token of the person's first account: the text is given once and stored as a hash."""
    account = person.accounts.select_related("user").order_by("linked_at").first()
    if account is None or not person.active or not account.user.is_active:
        raise RefusedError("inactive", f"{person.name} has no active account")
    with audited():
        token, text = AuthToken.objects.create(user=account.user, expiry=timedelta(hours=hours))
        TokenNote.objects.create(digest=token.digest, person=person, label=label[:64])
        details = {"person": person.name, "label": label[:64], "hours": hours, "fingerprint": token.digest[:12]}
        record(action="credential_issue", target=person.name, details=details)
        alert(kind="credential_issued", severity="info", text=f"{person.name} was given an API credential")
    return str(text)


def token_import(*, person: Person, text: str, hours: int) -> bool:
    """Take over a token that was given out before, as a hash. False when it is known already."""
    if len(text) < SHORTEST_IMPORTED or not text.isascii():
        raise RefusedError(
            "weak_token", f"a token of fewer than {SHORTEST_IMPORTED} ASCII characters is not taken over"
        )
    digest = hash_token(text)
    if AuthToken.objects.filter(digest=digest).exists():
        return False
    account = person.accounts.select_related("user").order_by("linked_at").first()
    if account is None:
        raise RefusedError("inactive", f"{person.name} has no account")
    with audited():
        # knox's manager makes tokens of its own; this one exists already, so its row is written as it is.
        AuthToken(
            digest=digest,
            token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH],
            user=account.user,
            expiry=database_now() + timedelta(hours=hours),
        ).save(force_insert=True)
        TokenNote.objects.create(digest=digest, person=person, label="imported")
        details = {"person": person.name, "label": "imported", "fingerprint": digest[:12]}
        record(action="credential_issue", target=person.name, details=details)
    return True


def token_revoke(*, fingerprint: str) -> str:
    """Revoke the one token whose fingerprint (at least 6 characters of its hash) this is; its person's name."""
    found = list(AuthToken.objects.filter(digest__startswith=fingerprint)[:2]) if len(fingerprint) >= 6 else []
    if len(found) != 1:
        raise RefusedError("unknown_token", "no single token has that fingerprint", status=404)
    token = found[0]
    with audited():
        note = TokenNote.objects.filter(digest=token.digest).select_related("person").first()
        name = note.person.name if note else token.user.get_username()
        TokenNote.objects.filter(digest=token.digest).delete()
        token.delete()
        record(action="credential_revoke", target=name, details={"fingerprint": fingerprint})
    return str(name)
