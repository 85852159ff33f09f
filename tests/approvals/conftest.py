"""A guarded action of the tests' own, and a HOLD that they can renew."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from approvals import registry
from approvals.models import ApprovalRequest
from approvals.registry import GuardedAction, guarded_action
from propbot.errors import RefusedError
from tests.access.people import cast  # noqa: F401 - a fixture


@dataclass
class Lamp:
    """What the tests' guarded action switches on. ``hold_id`` is the HOLD of this little world."""

    hold_id: int = 5
    lit: list[str] = field(default_factory=list)
    refusing: str = ""
    breaking: bool = False

    def execute(self, request: ApprovalRequest, payload: dict[str, Any]) -> dict[str, Any]:
        if self.breaking:
            raise ValueError("the lamp broke")
        self.lit.append(str(request.pk))
        return {"lamp": "on", "brightness": payload.get("brightness")}

    def check(self, request: ApprovalRequest) -> None:
        if self.refusing:
            raise RefusedError(self.refusing, "the world has changed", status=423)


@pytest.fixture
def lamp() -> Iterator[Lamp]:
    """Two actions: ``lamp_on`` is bound to the HOLD it was asked under, ``lamp_dim`` is not."""
    given = Lamp()
    kept_actions, kept_reader = dict(registry._actions), list(registry._hold_reader)
    for name, bound in (("lamp_on", True), ("lamp_dim", False)):
        guarded_action(
            GuardedAction(
                name=name,
                payload_schema=lambda payload: payload,
                sentence=lambda payload: f"Light the lamp at {payload.get('brightness', 'full')}",
                effects=lambda payload: ({"lamp": "off"}, {"lamp": "on"}),
                execute=given.execute,
                preconditions=given.check,
                current_hold=bound,
            )
        )
    registry.set_current_hold_reader(lambda: given.hold_id)
    yield given
    registry._actions.clear()
    registry._actions.update(kept_actions)
    registry._hold_reader[:] = kept_reader
