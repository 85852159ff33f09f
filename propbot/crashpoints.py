"""Named places where the chaos harness kills the process (RELIABILITY A and G8).

``PROPBOT_CRASH_AT=name`` ends the process at the first passage of that place, ``name:3`` at the third, with exit
code 137 and without any clean-up, as ``kill -9`` would. Without the variable a passage costs one dictionary look-up.
"""

import os
from collections import Counter
from threading import Lock

CRASH_EXIT_CODE = 137
NAMES = frozenset(
    {
        "pre_journal",
        "post_journal",
        "post_gate",
        "pre_send",
        "post_response",
        "leg_a_ack",
        "leg_a_filled",
        "leg_b_sent",
        "pre_complete",
        "flatten_sent",
        "cancel_sending",
        "cancel_sent",
        "recovery_started",
        "recovery_marked",
        "recovery_resolved",
        "exit_sent",
        "quote_resting",
        # The secrets store, and a new secret on its way into it (RELIABILITY G8).
        "secrets_draft_made",
        "secrets_draft_written",
        "secrets_draft_kept",
        "secrets_replaced",
        "secret_stored",
        "secret_recorded",
    }
)
_passages: Counter[str] = Counter()
_lock = Lock()


def crashpoint(name: str) -> None:
    """Die here when the harness asked for it; an unknown name is a bug of the caller."""
    wanted = os.environ.get("PROPBOT_CRASH_AT")
    if not wanted:
        return
    if name not in NAMES:
        raise ValueError(f"{name} is no crash point")
    place, _, count = wanted.partition(":")
    if place != name:
        return
    with _lock:
        _passages[name] += 1
        if _passages[name] >= int(count or 1):
            os._exit(CRASH_EXIT_CODE)
