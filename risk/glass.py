"""The first break-glass step: HOLD (RELIABILITY F18)."""

from collections.abc import Mapping
from typing import Any

from approvals.glass import HOLD, reducing_step
from risk.services.hold import hold_engage

SOURCE = "break_glass"


def hold_step(reason: str) -> Mapping[str, Any]:
    result = hold_engage(reason=f"break glass: {reason}", source=SOURCE)
    return {"hold_id": result.hold_id, "in_flight": result.in_flight}


def register() -> None:
    reducing_step(HOLD, hold_step)
