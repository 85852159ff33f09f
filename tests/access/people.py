"""The cast, as any test may call it up: persons with accounts, tokens and clients."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.environment import SECRETS

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
    return Member(person, user, token_issue(person=person, hours=1), role)


@dataclass
class Cast:
    alice: Member
    bob: Member
    vera: Member
    otto: Member

    def __iter__(self) -> Iterator[Member]:
        return iter((self.alice, self.bob, self.vera, self.otto))


def make_cast() -> Cast:
    return Cast(**{name: member(name, role) for name, role in CAST.items()})


@pytest.fixture
def cast(db: None) -> Cast:
    """Import it where it is needed: ``from tests.access.people import cast``."""
    return make_cast()
