"""What break-glass may do: the three calls that only reduce risk, each of which contains those before it.

A floor above registers how each is carried out. Nothing else can be registered, so no set of codes, however many
envelopes are opened, starts the desk, raises a limit or gives anybody a role.
"""

from collections.abc import Callable, Mapping
from typing import Any

HOLD, CANCEL_ALL, CLOSE_ALL = "hold", "cancel_all", "close_all"
# In the order in which they are carried out: stop, take back what rests, give back what is held.
REDUCING = (HOLD, CANCEL_ALL, CLOSE_ALL)
Step = Callable[[str], Mapping[str, Any]]
_steps: dict[str, Step] = {}


class NotReducingError(LookupError):
    """Only what stops or reduces can be a break-glass step: a fault of the program."""


def reducing_step(name: str, step: Step) -> None:
    """Register how ``name`` is done; ``step`` takes the reason and answers what came of it."""
    if name not in REDUCING:
        raise NotReducingError(f"{name!r} is not one of {', '.join(REDUCING)}")
    _steps[name] = step


def steps_of(action: str) -> list[tuple[str, Step]]:
    """``hold`` alone, or everything up to ``action``."""
    if action not in REDUCING:
        raise NotReducingError(f"{action!r} is not one of {', '.join(REDUCING)}")
    return [(name, _steps[name]) for name in REDUCING[: REDUCING.index(action) + 1]]
