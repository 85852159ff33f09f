"""The cast, as any test may call it up: persons with accounts, tokens and clients."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from approvals.choices import Role
from approvals.models import Person
from approvals.services.people import person_create, token_issue
from audit.context import Actor, acting_as
from audit.models import AuditRecord
from tests.environment import SECRETS
from tests.seed import act_keep, seed_restore

APPROVE_TOKEN = SECRETS["APPROVE_TOKEN"]
CAST = {"alice": Role.OPERATOR, "bob": Role.OPERATOR, "vera": Role.VIEWER, "otto": Role.AUDITOR}


@dataclass
class Member:
    """One person of the cast, with an account and a bearer token."""

    person: Person
    user: User
    token: str
    role: Role

    @property
    def actor(self) -> Actor:
        return Actor(name=self.person.name, person_id=str(self.person.pk), role=self.role.value, channel="api")

    @contextmanager
    def acting(self, channel: str = "api") -> Iterator[None]:
        actor = Actor(name=self.person.name, person_id=str(self.person.pk), role=self.role.value, channel=channel)
        with acting_as(actor):
            yield

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A request with this person's bearer token; ``Idempotency_Key="k"`` becomes the header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        client = Client(headers={"Authorization": f"Bearer {self.token}", **named})
        if method.upper() in ("GET", "HEAD", "OPTIONS"):
            return client.generic(method.upper(), path)
        data = body if isinstance(body, str | bytes) else json.dumps({} if body is None else body)
        return client.generic(method.upper(), path, data, content_type="application/json")

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("PATCH", path, body, **headers)

    def session(self) -> Client:
        """A browser's client: a session, and CSRF enforced."""
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.user, backend="django.contrib.auth.backends.ModelBackend")
        return client


def member(name: str, role: Role) -> Member:
    """Create a person; operators have been operators since yesterday, so no cool-down stands in the way."""
    person = person_create(name=name, role=role)
    if role is Role.OPERATOR:
        Person.objects.filter(pk=person.pk).update(operator_since=timezone.now() - timedelta(days=2))
        person.refresh_from_db()
    user = person.accounts.get().user
    return Member(person, user, token_issue(person=person, hours=12), role)


@dataclass
class Cast:
    alice: Member
    bob: Member
    vera: Member
    otto: Member

    def __iter__(self) -> Iterator[Member]:
        return iter((self.alice, self.bob, self.vera, self.otto))


def make_cast() -> Cast:
    """Four persons cost a hundred statements, so they were made once (``keep_cast``) and their rows are put back. Where
    something is on the record already, putting back would take it away: they are made anew."""
    if _kept and AuditRecord.objects.count() == _kept[0].records:
        seed_restore(_kept[0].statement)
        return deepcopy(_kept[0].cast)
    return _made()


def _made() -> Cast:
    return Cast(**{name: member(name, role) for name, role in CAST.items()})


@dataclass
class _Kept:
    cast: Cast
    records: int
    statement: str


_kept: list[_Kept] = []


def keep_cast() -> None:
    """Once per database, with nothing in it but what the migrations left; its rows stay until they are taken away."""
    records, made = AuditRecord.objects.count(), list[Cast]()
    statement = act_keep(lambda: made.append(_made()))
    _kept[:] = [_Kept(made[0], records, statement)]


@pytest.fixture
def cast(db: None) -> Cast:
    """Import it where it is needed: ``from tests.access.people import cast``."""
    return make_cast()
