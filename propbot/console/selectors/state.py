"""/api/ui/state: the whole control state."""

from typing import Any

from propbot.console.selectors.overview import autopilot_block, flag_figures, risk_block, runaway_block, safety_block
from propbot.console.selectors.status import whole_snapshot
from trading.choices import ORDER_LIVE
from trading.models import HedgeAttempt, Order
from trading.selectors.attempts import last_plan
from trading.selectors.orders import order_payload

MOST_ORDERS = 100


def open_orders() -> list[dict[str, Any]]:
    return [order_payload(row) for row in Order.objects.filter(status__in=ORDER_LIVE)[:MOST_ORDERS]]


def last_execution() -> dict[str, Any] | None:
    row = HedgeAttempt.objects.exclude(result="").first()
    if row is None:
        return None
    return {
        "ts": row.finished_at or row.created_at,
        "initiator": row.initiator,
        "kind": row.kind,
        "symbol": row.symbol,
        "result": row.result,
        "reason": row.reason,
        "simulated": row.simulated,
        "hedge_id": str(row.hedge_id) if row.hedge_id else None,
    }


def state_body() -> dict[str, Any]:
    s = whole_snapshot()
    control = s["control"]
    return {
        "ts": s["ts"],
        "build_version": s["build_version"],
        "profile": s["profile"],
        "mode": s["desk"]["mode"],
        "flags": flag_figures(s),
        **flag_figures(s),
        "control": control,
        "safety": safety_block(s),
        "risk": {
            "snapshot": risk_block(s),
            "runaway_guard": runaway_block(s),
            "edge_guard": s["edge_guard"],
            "limits": s["limits"],
            "limits_version": s["limits_version"],
            "strategies": s["strategies"],
            "entry_blocks": s["blocks"],
        },
        "loop": {"running": s["state"] == "run", "poll_interval_sec": control["poll_interval_sec"]},
        "loop_config": {"pair": control["loop_pair"], "venues": control["loop_venues"]},
        "autopilot": autopilot_block(s),
        "auto_hedge": s["auto_hedge"],
        "open_orders": open_orders(),
        "positions": s["positions"],
        "exposures": s["exposure"],
        "pnl": s["money"],
        "recon_status": s["reconciliation"],
        "last_plan": last_plan(),
        "last_execution": last_execution(),
        "status_line": s["line"],
    }
