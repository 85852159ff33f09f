"""What /ws/status sends: small, read from committed rows at every poll."""

from typing import Any

from propbot.console.selectors.desk import desk_now, revisions


def live_status() -> dict[str, Any]:
    """The state of the desk with the numbers that tell a client to fetch the rest again."""
    found = desk_now()
    desk = found["desk"]
    return {
        "ts": found["ts"],
        "hold_id": found["hold_id"],
        "state": found["state"],
        "state_label": found["state_label"],
        "mode": desk["mode"],
        "safe_mode": desk["safe_mode"],
        "dry_run_mode": desk["dry_run"],
        "hold_active": desk["hold_active"],
        "hold_reason": desk["hold_reason"],
        "hold_source": desk["hold_source"],
        "hold_since": desk["hold_since"],
        "line": found["line"],
        "badges": found["badges"],
        "counts": found["counts"],
        "pending": [
            {"id": row["id"], "action": row["action"], "requested_by": row["requested_by"]} for row in found["pending"]
        ],
        "auto_hedge_enabled": found["auto_hedge_enabled"],
        "revision": revisions(),
    }
