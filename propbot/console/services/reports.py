"""Reports: the ops report, the daily report, the forensic snapshot. None carries a secret."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.selectors import chain_head
from audit.services import record
from propbot.clock import utc_day_start, utc_now
from propbot.config import values
from propbot.console.selectors.overview import autopilot_block, flag_figures, safety_block
from propbot.console.selectors.records import operator_actions
from propbot.console.selectors.status import whole_snapshot
from propbot.http.renderers import jsonable
from propbot.redaction import redact
from trading.choices import HedgeStatus
from trading.models import Fill, Hedge, HedgeAttempt, UniverseEntry


def _clean(document: dict[str, Any]) -> dict[str, Any]:
    """As it is sent, without secrets."""
    return dict(redact(jsonable(document)))


def runtime_figures(s: dict[str, Any]) -> dict[str, Any]:
    return {
        "build_version": s["build_version"],
        "profile": s["profile"],
        "mode": s["desk"]["mode"],
        **flag_figures(s),
        "trader_epoch": s["desk"]["trader_epoch"],
        "overall": s["overall"],
        "failing": s["failing"],
        "deployment": values().text("MODE") or None,
    }


def head_figures() -> dict[str, Any]:
    head = chain_head()
    return {"seq": head.seq, "hash": head.hash, "count": head.count}


def ops_report(s: dict[str, Any] | None = None) -> dict[str, Any]:
    """What stands, for a person and a file: stable sections, in a fixed order."""
    s = s or whole_snapshot()
    return _clean(
        {
            "generated_at": s["ts"],
            "runtime": runtime_figures(s),
            "safety": safety_block(s),
            "autopilot": autopilot_block(s),
            "pnl": s["money"],
            "positions_snapshot": {"positions": s["positions"], "exposure": s["exposure"], "counts": s["counts"]},
            "partial_hedges": s["partial"],
            "strategy_status": {row["name"]: row["state"] for row in s["strategies"]},
            "strategy_budgets": _budgets(s),
            "per_strategy_pnl": _strategy_pnl(s),
            "strategy_controls": {
                row["name"]: {"enabled": row["enabled"], "frozen": row["frozen"], "freeze_reason": row["freeze_reason"]}
                for row in s["strategies"]
            },
            "approvals": {"pending": s["pending"], "recent": s["approvals_recent"]},
            "operator_actions": operator_actions(50),
            "audit": [{"chain_head": head_figures()}],
            "alerts": s["alerts"],
        }
    )


def _budgets(s: dict[str, Any]) -> dict[str, Any]:
    return {
        row["name"]: {
            "limit_usdt": row["limit"],
            "used_today_usdt": row["used_today"],
            "remaining_usdt": row["remaining"],
            "last_reset_ts_utc": row["last_reset"],
            "blocked_by_budget": row["budget_blocked"],
        }
        for row in s["strategies"]
    }


def _strategy_pnl(s: dict[str, Any]) -> dict[str, Any]:
    names = {
        "realized_today": "realized_pnl_today",
        "realized_7d": "realized_pnl_7d",
        "realized_total": "realized_pnl_total",
    }
    return {row["name"]: {name: row[key] for key, name in names.items()} for row in s["strategies"]}


def daily_report(day: datetime) -> dict[str, Any]:
    """One UTC day: what was opened, closed, paid and earned, real and simulated apart."""
    start, end = utc_day_start(day), utc_day_start(day) + timedelta(days=1)
    return {
        "day": f"{start:%Y-%m-%d}",
        "generated_at": utc_now(),
        "complete": end <= utc_now(),
        "real": _day_figures(start, end, simulated=False),
        "simulated": _day_figures(start, end, simulated=True),
        "attempts": _attempts(start, end),
        "chain_head": head_figures(),
    }


def _day_figures(start: datetime, end: datetime, *, simulated: bool) -> dict[str, Any]:
    hedges = Hedge.objects.filter(simulated=simulated)
    closed = hedges.filter(closed_at__gte=start, closed_at__lt=end, status=HedgeStatus.CLOSED)
    pnls = [value for value in closed.values_list("realized_pnl_usdt", flat=True) if value is not None]
    fills = Fill.objects.filter(simulated=simulated, filled_at__gte=start, filled_at__lt=end)
    fees = list(fills.values_list("fee_usdt", flat=True))
    return {
        "opened": hedges.filter(opened_at__gte=start, opened_at__lt=end).count(),
        "closed": closed.count(),
        "failed": hedges.filter(created_at__gte=start, created_at__lt=end, status=HedgeStatus.FAILED).count(),
        "fills": len(fees),
        "fees_usdt": sum(fees) if fees else None,
        "realized_pnl_usdt": sum(pnls) if pnls else None,
        "best_usdt": max(pnls, default=None),
        "worst_usdt": min(pnls, default=None),
    }


def _attempts(start: datetime, end: datetime) -> dict[str, int]:
    counts: dict[str, int] = {}
    rows = HedgeAttempt.objects.filter(created_at__gte=start, created_at__lt=end).exclude(result="")
    for result in rows.values_list("result", flat=True):
        counts[result] = counts.get(result, 0) + 1
    return counts


def audit_snapshot() -> dict[str, Any]:
    """What a viewer may see of the record: actions and their ends, without details."""
    s = whole_snapshot()
    return {
        "generated_at": s["ts"],
        "build_version": s["build_version"],
        "mode": s["desk"]["mode"],
        "flags": flag_figures(s),
        "exposure": s["exposure"],
        "strategies": {row["name"]: row["state"] for row in s["strategies"]},
        "universe": list(UniverseEntry.objects.values("symbol", "allowed")),
        "entries": [_entry(row) for row in operator_actions(100)],
        "chain_head": head_figures(),
    }


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("seq", "at", "person", "role", "channel", "action", "target", "status")}


def snapshot_document(now: datetime) -> dict[str, Any]:
    """The forensic view of the desk, without secrets."""
    s = whole_snapshot()
    return _clean(
        {
            "generated_at": now,
            "runtime": runtime_figures(s),
            "positions": s["positions"],
            "partial_hedges": s["partial"],
            "approvals": {"pending": s["pending"], "recent": s["approvals_recent"]},
            "execution_metrics": {"slo": s["slo"], "counters": s["counters"], "runaway": s["runaway"]},
            "reconciliation": s["reconciliation"],
            "daily_report": daily_report(now),
            "safety": safety_block(s),
            "chain_head": head_figures(),
        }
    )


def snapshot_write() -> dict[str, Any]:
    """The forensic snapshot: built, recorded, then written whole under a name made here (no path comes from outside)."""
    now = utc_now()
    document = snapshot_document(now)
    name = f"{now:%Y%m%dT%H%M%S.%fZ}.json"
    record(action="snapshot", target=name)
    _write_whole(Path(settings.DATA_DIR) / "snapshots" / name, json.dumps(document, indent=1))
    return {"file": f"data/snapshots/{name}", **document}


def _write_whole(path: Path, text: str) -> None:
    """All of it or nothing: a reader never meets half a snapshot."""
    path.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
