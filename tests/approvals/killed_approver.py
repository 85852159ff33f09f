"""A process of its own that approves a request and is killed in the middle: run by test_killed."""

import os
import sys
from typing import Any

import django

django.setup()

from approvals.models import ApprovalRequest, Person  # noqa: E402
from approvals.registry import GuardedAction, guarded_action  # noqa: E402
from approvals.services import approval_decide  # noqa: E402
from audit.context import Actor, acting_as  # noqa: E402
from audit.services import alert  # noqa: E402


def main(approval_id: str, approver: str, token: str, where: str) -> None:
    def execute(request: ApprovalRequest, payload: dict[str, Any]) -> dict[str, Any]:
        alert(kind="executed", severity="info", text=str(request.pk))
        if where == "inside":
            os._exit(9)
        return {}

    guarded_action(GuardedAction("killed", lambda p: p, lambda p: "Be killed", lambda p: ({}, {}), execute))
    person = Person.objects.get(name=approver)
    with acting_as(Actor(name=approver, person_id=str(person.pk), role="operator", channel="cli")):
        approval_decide(approval_id=approval_id, approve=True, token=token)
    os._exit(9)


if __name__ == "__main__":
    main(*sys.argv[1:])
