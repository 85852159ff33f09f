"""The break-glass steps that the trader carries out: cancel everything, close everything (RELIABILITY F18)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from approvals.glass import CANCEL_ALL, CLOSE_ALL, reducing_step
from trading.choices import AttemptKind
from trading.services.submission import reduction_submit

KINDS = {CANCEL_ALL: AttemptKind.CANCEL_ALL, CLOSE_ALL: AttemptKind.CLOSE_ALL}


def _reduced(kind: AttemptKind, reason: str) -> Mapping[str, Any]:
    """A committed row that the trader takes, now or when it is back; ``answer`` says how far it got meanwhile."""
    answer = reduction_submit(kind=kind, hedge=None, reason=f"break glass: {reason}"[:200])
    return {"status_code": answer.status_code, "answer": answer.body}


def register() -> None:
    for name, kind in KINDS.items():
        reducing_step(name, partial(_reduced, kind))
