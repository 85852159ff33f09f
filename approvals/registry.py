"""The guarded actions: risk and trading register theirs when Django is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.models import ApprovalRequest

Payload = dict[str, Any]


@dataclass(frozen=True)
class GuardedAction:
    """One action that needs a second person.

    ``payload_schema`` validates and normalises (RefusedError when it cannot); ``sentence`` says it to a
    person; ``effects`` gives what changes, before and after; ``preconditions`` is asked again right
    before ``execute``, which runs in the transaction of the approval and must not touch the network.
    ``current_hold`` binds the request to the HOLD that it was asked under.
    """

    name: str
    payload_schema: Callable[[Payload], Payload]
    sentence: Callable[[Payload], str]
    effects: Callable[[Payload], tuple[Mapping[str, Any], Mapping[str, Any]]]
    execute: Callable[[ApprovalRequest, Payload], Mapping[str, Any]]
    preconditions: Callable[[ApprovalRequest], None] | None = None
    current_hold: bool = False


class UnknownActionError(LookupError):
    """No such guarded action is registered: a fault of the program, not of its user."""


_actions: dict[str, GuardedAction] = {}
_hold_reader: list[Callable[[], int]] = []


def guarded_action(action: GuardedAction) -> None:
    """Register; the last registration of a name wins (tests replace one)."""
    _actions[action.name] = action


def action_named(name: str) -> GuardedAction:
    try:
        return _actions[name]
    except KeyError:
        raise UnknownActionError(f"no guarded action is named {name!r}") from None


def action_names() -> tuple[str, ...]:
    return tuple(sorted(_actions))


def set_current_hold_reader(reader: Callable[[], int]) -> None:
    """risk tells how the current HOLD's id is read, inside the caller's transaction."""
    _hold_reader[:] = [reader]


def current_hold_id() -> int:
    if not _hold_reader:
        raise UnknownActionError("risk has not registered the reader of the current HOLD")
    return _hold_reader[0]()
