"""The one snapshot that the dashboard, the status endpoints, the state endpoints and the reports are cut from."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from propbot.build import version
from propbot.clock import utc_now
from propbot.config import values
from propbot.console.components import Component, group_scores, overall
from propbot.console.kept import Kept
from propbot.console.selectors import engine, measures, records, risk_figures
from propbot.console.selectors.board import allowed_quotes, quote_ages
from propbot.console.selectors.component_list import component_list, desk_component
from propbot.console.selectors.desk import desk_now, legs_unequal, recent_approvals
from propbot.console.selectors.health import failing_checks
from propbot.console.slo import slo_alerts
from propbot.http.paging import Page
from propbot.http.renderers import jsonable
from risk.looks import one_look
from risk.selectors import control_payload, control_read
from trading.choices import HedgeStatus
from trading.selectors.attempts import auto_hedge_payload
from trading.selectors.position_rows import PositionFilters
from trading.selectors.positions import positions_payload
from trading.venues.base import Quote

OLDEST_SECONDS = 1.0
SHOWN_HEDGES = 50
MOST_PARTIAL = 500
STOPPED = {"allowed": False, "reason": "HOLD is active"}


def status_snapshot() -> dict[str, Any]:
    """JSON-ready. The desk is read now, with all that follows from it; what is measured is at most a second old."""
    kept = STATUS.read()
    return status_of(kept, desk_now())  # after what may have taken a while to build


def status_of(kept: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What was measured, and over it what the desk is now."""
    desk = _desk_part(now)
    return {**kept, **dict(jsonable({**desk, **_judged_now(desk, kept)}))}


def whole_snapshot() -> dict[str, Any]:
    """The status with the newest hedges that are not over, for reports: read now, not kept."""
    return {**status_snapshot(), **dict(jsonable(positions_part()))}


def positions_part(shown: int = SHOWN_HEDGES) -> dict[str, Any]:
    """``partial`` holds each partial hedge, whatever its age; ``positions_total`` counts all that are not over."""
    newest = positions_payload(PositionFilters(), Page(limit=shown, offset=0))
    partial = positions_payload(PositionFilters(status=HedgeStatus.PARTIAL), Page(limit=MOST_PARTIAL, offset=0))
    return {
        "positions": [_position(row) for row in newest["positions"]],
        "positions_total": newest["total"],
        "partial": [_position(row) for row in partial["positions"]],
        "exposure": newest["exposure"],
    }


def _desk_part(now: dict[str, Any]) -> dict[str, Any]:
    return {
        **now,
        "profile": values().text("PROFILE"),
        "simulator": values().text("PROFILE") == "simulator",
        "dry_run_only": values().flag("DRY_RUN_ONLY"),
        "build_version": version(),
    }


def measured() -> dict[str, Any]:
    """Everything that may be a second old; what several parts ask for is read once."""
    with one_look():
        return _measured(utc_now())


def _measured(now: datetime) -> dict[str, Any]:
    """The number of queries does not depend on the number of hedges."""
    desk, control = desk_now(), control_read()
    readings = risk_figures.risk_readings(now)
    strategies = risk_figures.strategy_figures(readings, now)
    quotes = allowed_quotes()
    slo = measures.slo_figures(now, strategies, quotes)
    real, simulated = engine.pnl_series(now)
    tasks = records.background_tasks(now)
    facts = {
        "measured_at": now,
        "counts": desk["counts"],
        "money": _money(readings, simulated),
        "chart_series": _chart_series(real, simulated),
        "trend": engine.trend_figures(real, desk["counts"]),
        "unbalanced": legs_unequal(),
        "opportunity": engine.opportunity_figures(),
        "auto_hedge": auto_hedge_payload(enabled=control.auto_hedge_enabled),
        "control": control_payload(control),
        "strategies": strategies,
        "limits": risk_figures.limit_figures(readings),
        "limits_version": readings.limits.version,
        "runaway": risk_figures.runaway_figures(readings),
        "edge_guard": risk_figures.edge_figures(readings, hold_active=desk["desk"]["hold_active"]),
        "capital": _capital(strategies),
        "skips": records.risk_skips(now),
        "blocks": records.standing_blocks(),
        "governor": records.governor_figures(),
        "reconciliation": engine.reconciliation_figures(),
        "venues": _venues(now, quotes),
        "tasks": tasks,
        "tasks_failing": [row["name"] for row in tasks if row["status"] == "ERROR"],
        "actions": records.operator_actions(),
        "alerts": records.recent_alerts(),
        "approvals_recent": recent_approvals(),
        "counters": engine.execution_counters(),
        "failing": failing_checks(),
        "slo": slo,
        "slo_rows": measures.slo_rows(slo),
        "slo_alerts": slo_alerts(slo),
    }
    components = component_list(desk, facts)
    judged = {
        "components": [item.as_dict() for item in components],
        "overall": overall(components, hold_active=desk["desk"]["hold_active"]),
        "near_limit": any(row["near"] for row in facts["runaway"]),
    }
    return dict(jsonable({**facts, **judged}))


def _judged_now(desk: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """A HOLD of this instant is seen in every figure that speaks of it, however old the others are."""
    held = desk["desk"]["hold_active"]
    components = [desk_component(desk), *(Component(**row) for row in kept["components"] if row["id"] != "desk")]
    return {
        "components": [item.as_dict() for item in components],
        "scores": group_scores(components),
        "overall": overall(components, hold_active=held),
        "edge_guard": STOPPED if held and kept["edge_guard"]["allowed"] else kept["edge_guard"],
    }


def _money(readings: risk_figures.RiskReadings, simulated: list[Any]) -> dict[str, Any]:
    pnl, exposure = readings.pnl, readings.exposure
    last = simulated[-1] if simulated else None
    return {
        "realized_today": pnl.realized_today_usdt if pnl else None,
        "realized_total": pnl.realized_total_usdt if pnl else None,
        "unrealized": pnl.unrealized_usdt if pnl else None,
        "incomplete": pnl is None or pnl.unrealized_usdt is None,
        "open_notional": exposure.total_notional_usdt if exposure else None,
        "simulated": {
            "realized_today": last.realized_today_usdt if last else None,
            "unrealized": last.unrealized_usdt if last else None,
            "open_notional": last.open_notional_usdt if last else None,
        },
    }


def _position(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "outstanding": row["status"] in ("partial", "unresolved")}


def _chart_series(real: list[Any], simulated: list[Any]) -> dict[str, list[list[Any]]]:
    def points(rows: list[Any]) -> list[list[Any]]:
        return [
            [row.at, row.realized_today_usdt + row.unrealized_usdt] for row in rows if row.unrealized_usdt is not None
        ]

    return {"real": points(real), "simulated": points(simulated)}


def _capital(strategies: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of what strategies may hold; headroom is null where exposure could not be read."""
    return {
        "total_capital_usdt": sum((row["max_notional"] for row in strategies), Decimal(0)) if strategies else None,
        "headroom": {
            row["name"]: None
            if row["open_notional"] is None
            else max(Decimal(0), row["max_notional"] - row["open_notional"])
            for row in strategies
        },
    }


def _venues(now: datetime, quotes: list[Quote]) -> list[dict[str, Any]]:
    ages = quote_ages(quotes, now)
    return [{**row, "quote_age_ms": ages.get(row["venue"])} for row in engine.venue_rows()]


STATUS = Kept("status", measured, seconds=OLDEST_SECONDS)
