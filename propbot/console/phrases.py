"""What the desk is doing, in one plain sentence for the person on call at three in the morning. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

SYSTEM_SOURCES: Mapping[str, str] = {
    "installation": "since the installation",
    "restart": "at the start of the trader",
    "governor": "by the governor",
    "runaway_guard": "by the runaway guard",
    "auto_hedge": "by auto-hedge",
    "margin_guard": "by the margin guard",
    "orphan_policy": "by the orphan-leg policy",
    "closing": "by the closing policy",
    "reconciliation": "by reconciliation",
    "panic": "by manage.py panic",
    "hold_file": "by the HOLD file",
    "system": "by PropBot itself",
}


def ago(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    return f"{duration(now - since)} ago"


def duration(span: timedelta) -> str:
    """The largest unit that fits: 40 s, 4 min, 3 h, 2 d."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def status_line(desk: Mapping[str, Any], pending: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """One or two sentences: the state, since when and why, and what it takes to go on."""
    if desk["hold_active"]:
        return f"{_stopped(desk, now)} {_way_back(pending)}"
    if desk["safe_mode"]:
        return "HOLD is cleared, SAFE_MODE is still on: no order may open. Two people take SAFE_MODE off."
    if desk["mode"] != "RUN":
        return "Ready but not running: one operator resumes."
    return _running(desk)


def _stopped(desk: Mapping[str, Any], now: datetime) -> str:
    source = str(desk.get("hold_source") or "")
    by = SYSTEM_SOURCES.get(source, f"by {source}" if source else "")
    when = ago(desk.get("hold_since"), now)
    reason = str(desk.get("hold_reason") or "").strip()
    head = " ".join(part for part in ("Stopped", by, when) if part)
    return f"{head}: {reason}." if reason else f"{head}."


def _way_back(pending: Sequence[Mapping[str, Any]]) -> str:
    asked = next((row for row in pending if row["action"] == "resume"), None)
    if asked is None:
        return "Two people are needed to resume."
    return f"{asked['requested_by']} asked to resume: awaiting second confirmation."


def _running(desk: Mapping[str, Any]) -> str:
    hand = "Auto-hedge is on" if desk.get("auto_hedge_enabled") else "Hedges open only by hand"
    where = "at the simulator" if desk.get("simulator") else "at the venues"
    money = "orders are simulated (dry run)" if desk["dry_run"] else f"orders are real {where}"
    return f"Running: {hand}, {money}."
