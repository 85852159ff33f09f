"""The guarded actions that belong to this floor: roles, persons, links, secrets."""

from typing import Any

from approvals.choices import Role
from approvals.models import ApprovalRequest, Person
from approvals.registry import GuardedAction, Payload, guarded_action
from approvals.roles import role_of_account
from approvals.services.people import (
    account_link,
    name_checked,
    person_create,
    person_named,
    role_set,
    telegram_link,
    username_free,
)
from approvals.services.sealed import secret_name_checked, secret_rotation_execute
from propbot.errors import RefusedError

Effects = tuple[dict[str, Any], dict[str, Any]]


def _only(payload: Payload, *names: str) -> None:
    unknown = sorted(set(payload) - set(names))
    if unknown:
        raise RefusedError("invalid_body", f"unknown: {', '.join(unknown)}", context={"field": unknown[0]})


def _role(value: object) -> str | None:
    if value in (None, "none"):
        return None
    if value not in Role.values:
        raise RefusedError("invalid_role", "a role is viewer, auditor, operator or none", context={"field": "role"})
    return str(value)


def role_now(person: Person) -> str | None:
    account = person.accounts.filter(user__is_active=True).order_by("linked_at").first()
    role = role_of_account(account) if account else None
    return role.value if role else None


def not_for_oneself(request: ApprovalRequest) -> None:
    """Neither who asks nor who decides may be the person whose access changes."""
    names = {request.requested_by_name, request.decided_by_name}
    if request.payload["person"] in names:
        raise RefusedError("own_access", "nobody changes or approves their own access", status=403)


# --- role_change -------------------------------------------------------------------------------


def role_change_schema(payload: Payload) -> Payload:
    _only(payload, "person", "role")
    return {"person": person_named(payload.get("person")).name, "role": _role(payload.get("role"))}


def role_change_effects(payload: Payload) -> Effects:
    return {"role": role_now(person_named(payload["person"]))}, {"role": payload["role"]}


def role_change_execute(request: ApprovalRequest, payload: Payload) -> dict[str, Any]:
    person = person_named(payload["person"])
    role_set(person=person, role=Role(payload["role"]) if payload["role"] else None)
    return {"person": person.name, "role": payload["role"]}


# --- person_create -----------------------------------------------------------------------------


def person_create_schema(payload: Payload) -> Payload:
    _only(payload, "person", "role")
    role = _role(payload.get("role"))
    if role is None:
        raise RefusedError("invalid_role", "a new person has a role", context={"field": "role"})
    name = name_checked(payload.get("person"))
    if Person.objects.filter(name=name).exists():
        raise RefusedError("name_taken", f"{name} exists already", status=409)
    return {"person": name, "role": role}


def person_create_execute(request: ApprovalRequest, payload: Payload) -> dict[str, Any]:
    person = person_create(name=payload["person"], role=Role(payload["role"]))
    return {"person": person.name, "role": payload["role"]}


# --- person_link -------------------------------------------------------------------------------


def person_link_schema(payload: Payload) -> Payload:
    _only(payload, "person", "username", "telegram_id")
    person = person_named(payload.get("person"))
    username, telegram_id = payload.get("username"), payload.get("telegram_id")
    if (username is None) == (telegram_id is None):
        raise RefusedError("invalid_body", "link either a username or a telegram_id")
    if username is not None:
        return {"person": person.name, "username": username_free(username)}
    if isinstance(telegram_id, bool) or not isinstance(telegram_id, int) or not 0 < telegram_id < 2**52:
        raise RefusedError("invalid_number", "telegram_id is not a Telegram id", context={"field": "telegram_id"})
    return {"person": person.name, "telegram_id": telegram_id}


def person_link_effects(payload: Payload) -> Effects:
    person = person_named(payload["person"])
    names = sorted(person.accounts.values_list("user__username", flat=True))
    if "username" in payload:
        return {"accounts": names}, {"accounts": sorted([*names, payload["username"]])}
    return {"telegram_id": person.telegram_id}, {"telegram_id": payload["telegram_id"]}


def person_link_execute(request: ApprovalRequest, payload: Payload) -> dict[str, Any]:
    person = person_named(payload["person"])
    if "username" in payload:
        account_link(person=person, username=payload["username"])
    else:
        telegram_link(person=person, telegram_id=payload["telegram_id"])
    return dict(payload)


def _link_sentence(payload: Payload) -> str:
    what = f"account {payload['username']}" if "username" in payload else f"Telegram id {payload['telegram_id']}"
    return f"Link {what} to {payload['person']}"


# --- secret_rotation ---------------------------------------------------------------------------


def secret_rotation_schema(payload: Payload) -> Payload:
    _only(payload, "name", "fingerprint", "sealed_id")
    return {
        "name": secret_name_checked(payload.get("name")),
        "fingerprint": str(payload["fingerprint"]),
        "sealed_id": str(payload["sealed_id"]),
    }


def register_own_actions() -> None:
    guarded_action(
        GuardedAction(
            name="role_change",
            payload_schema=role_change_schema,
            sentence=lambda p: f"Give {p['person']} the role {p['role'] or 'none'}",
            effects=role_change_effects,
            execute=role_change_execute,
            preconditions=not_for_oneself,
        )
    )
    guarded_action(
        GuardedAction(
            name="person_create",
            payload_schema=person_create_schema,
            sentence=lambda p: f"Create the person {p['person']} as {p['role']}",
            effects=lambda p: ({}, {"person": p["person"], "role": p["role"]}),
            execute=person_create_execute,
        )
    )
    guarded_action(
        GuardedAction(
            name="person_link",
            payload_schema=person_link_schema,
            sentence=_link_sentence,
            effects=person_link_effects,
            execute=person_link_execute,
            preconditions=not_for_oneself,
        )
    )
    guarded_action(
        GuardedAction(
            name="secret_rotation",
            payload_schema=secret_rotation_schema,
            sentence=lambda p: f"Replace the secret {p['name']} by the one with fingerprint {p['fingerprint']}",
            effects=lambda p: ({}, {"fingerprint": p["fingerprint"]}),
            execute=secret_rotation_execute,
        )
    )
