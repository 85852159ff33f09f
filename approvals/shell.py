"""How the command line acts: as the administrator of the machine, or as the person whose token it was given."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from approvals.api.authentication import token_found
from approvals.roles import account_of, role_of_account
from audit.context import Actor, acting_as
from propbot.errors import RecordingFailedError, RefusedError

TOKEN_VARIABLE = "PROPBOT_TOKEN"  # noqa: S105 - the name of a variable


def administrator() -> Actor:
    return Actor(name=f"administrator ({getpass.getuser()})", role="administrator", channel="cli")


def token_holder() -> Actor:
    """The person behind PROPBOT_TOKEN. It is read from the environment: arguments are seen by others."""
    found = token_found(os.environ.get(TOKEN_VARIABLE, ""))
    account = account_of(found.user) if found else None
    if account is None:
        raise CommandError(f"set {TOKEN_VARIABLE} to the bearer token of the operator who asks")
    role = role_of_account(account)
    return Actor(
        name=account.person.name,
        person_id=str(account.person_id),
        role=role.value if role else "",
        channel="cli",
    )


@contextmanager
def command_of(actor: Actor) -> Iterator[None]:
    """Act as ``actor``; a refusal becomes the command's error."""
    try:
        with acting_as(actor):
            yield
    except (RefusedError, RecordingFailedError) as error:
        raise CommandError(str(error)) from error
