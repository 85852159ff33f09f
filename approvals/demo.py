"""The people of a desk that someone tries out. Refused in live."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from approvals.api.authentication import token_found
from approvals.choices import Role
from approvals.models import Person
from approvals.services.people import person_create, token_issue
from audit.services import audited, record

CAST = {"alice": Role.OPERATOR, "bob": Role.OPERATOR, "vera": Role.VIEWER, "otto": Role.AUDITOR}
TOKEN_HOURS = 24 * 30


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _write(path: Path, document: dict[str, Any]) -> None:
    """Replaced at once and never readable by others, not even for a moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(document, handle, indent=2)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def _token_works(name: str, text: object) -> bool:
    found = token_found(text) if isinstance(text, str) else None
    return found is not None and found.user.get_username() == name


def _password_kept(user: User, name: str, known: object) -> str:
    if isinstance(known, str) and user.check_password(known):
        return known
    password = secrets.token_urlsafe(15)
    user.set_password(password)
    with audited():
        user.save(update_fields=["password"])
        record(action="password_set", target=name)
    return password


def _credentials(name: str, role: Role, known: dict[str, Any]) -> dict[str, str]:
    person = Person.objects.filter(name=name).first() or person_create(name=name, role=role)
    account = person.accounts.select_related("user").get(user__username=name)
    password = _password_kept(account.user, name, known.get("password"))
    token = known.get("token")
    if not isinstance(token, str) or not _token_works(name, token):
        token = token_issue(person=person, hours=TOKEN_HOURS, label="demo")
    return {"role": role.value, "password": password, "token": token}


def demo_people_ensure(path: Path) -> dict[str, dict[str, str]]:
    """Create alice, bob, vera and otto where they lack, and merge what opens their accounts into the file."""
    document = _read(path)
    known = document.get("people") or {}
    people = {name: _credentials(name, role, known.get(name) or {}) for name, role in CAST.items()}
    _write(path, {**document, "people": people})
    return people
