"""Who acts, through which channel: set once at the edge, read by every record."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """The person behind an action. ``person_id`` is empty for the system itself."""

    name: str
    person_id: str = ""
    role: str = ""
    channel: str = "system"
    ip: str = ""
    request_id: str = ""
    claimed: str = ""


SYSTEM = Actor(name="system", channel="system")
AUTOPILOT = Actor(name="autopilot", channel="autopilot")
_actor: ContextVar[Actor] = ContextVar("propbot_actor", default=SYSTEM)


def current_actor() -> Actor:
    return _actor.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
