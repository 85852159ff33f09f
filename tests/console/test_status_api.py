"""The status and state endpoints: every field of the contract, unknown is null, few queries."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from propbot.console.kept import forget_all
from propbot.console.selectors.status import STATUS
from propbot.console.views.figures import FIGURES
from risk.services.hold import hold_engage
from tests.access.people import Cast
from tests.console.hedges import make_hedges

pytestmark = pytest.mark.django_db(transaction=True)

OVERVIEW = [
    "ts",
    "overall",
    "scores",
    "slo",
    "thresholds",
    "components",
    "alerts",
    "build_version",
    "flags",
    "operational_flags",
    "mode",
    "safe_mode",
    "dry_run_mode",
    "hold_active",
    "hold_reason",
    "hold_source",
    "safety",
    "edge_guard",
    "autopilot_status",
    "last_autopilot_action",
    "last_autopilot_reason",
    "resume_request",
    "resume_pending",
    "two_man_resume_required",
    "clock_skew_s",
    "runaway_guard",
    "autopilot",
    "auto_hedge",
]
SAFETY = [
    "hold_active",
    "hold_reason",
    "hold_source",
    "hold_since",
    "last_released_ts",
    "resume_request",
    "clock_skew_s",
    "risk_snapshot",
    "reconciliation",
    "counters",
    "limits",
]
AUTO_HEDGE = [
    "enabled",
    "last_opportunity_checked_ts",
    "last_execution_result",
    "consecutive_failures",
    "last_execution_ts",
    "last_success_ts",
]
STATE = [
    "mode",
    "flags",
    "control",
    "risk",
    "loop",
    "loop_config",
    "autopilot",
    "open_orders",
    "positions",
    "exposures",
    "pnl",
    "recon_status",
    "last_plan",
    "last_execution",
]
COMPONENT = ["id", "title", "group", "status", "summary", "metrics", "since", "links"]
# Frozen: a page that starts to ask per hedge is noticed here, not by the operators.
MOST_QUERIES = {
    "/api/ui/status/overview": 47,
    "/api/ui/state": 56,
    "/api/ui/positions": 5,
    "/ui/dashboard": 58,
    "/ui/hedges": 4,
}
QUERIES_OF_A_KEPT_STATUS = 6


@pytest.fixture(autouse=True)
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that others use too, more than a second passes between two lines of a test."""
    for document in (STATUS, FIGURES):
        monkeypatch.setattr(document, "_seconds", 60.0)


def body(answer: Any) -> Any:
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_overview_holds_every_field_of_the_contract(cast: Cast) -> None:
    found = body(cast.vera.get("/api/ui/status/overview"))
    assert [name for name in OVERVIEW if name not in found] == []
    assert [name for name in SAFETY if name not in found["safety"]] == []
    assert [name for name in AUTO_HEDGE if name not in found["auto_hedge"]] == []
    assert set(found["scores"]) == {"P0", "P1", "P2", "P3"}
    assert found["overall"] == "HOLD"
    assert found["flags"] == {"safe_mode": True, "hold_active": True, "dry_run_mode": True}


def test_what_nobody_measured_is_null_and_never_zero(cast: Cast) -> None:
    found = body(cast.vera.get("/api/ui/status/overview"))
    assert found["clock_skew_s"] is None
    assert found["last_autopilot_action"] is None
    assert found["slo"]["order_cycle_p95_ms"] is None
    assert found["slo"]["reject_rate"] is None
    assert found["auto_hedge"]["last_success_ts"] is None
    assert found["safety"]["reconciliation"]["clean"] is None


def test_components_and_levels_repeat_the_state(cast: Cast) -> None:
    components = body(cast.otto.get("/api/ui/status/components"))
    assert all(set(COMPONENT) <= set(row) for row in components["components"])
    assert {row["group"] for row in components["components"]} == {"P0", "P1", "P2", "P3"}
    slo = body(cast.otto.get("/api/ui/status/slo"))
    assert set(slo["slo"]) == set(slo["thresholds"])
    for found in (components, slo):
        assert found["mode"] == "HOLD"
        assert found["safety"]["hold_active"] is True


@pytest.mark.parametrize("path", ["/api/ui/state", "/api/ui/control-state"])
def test_the_state_is_whole_at_both_addresses(cast: Cast, path: str) -> None:
    found = body(cast.alice.get(path))
    assert [name for name in STATE if name not in found] == []
    assert found["last_plan"] is None
    assert found["last_execution"] is None
    assert set(found["control"]) >= {"post_only", "order_notional_usdt", "auto_hedge_enabled"}


def test_hold_is_seen_at_once_although_figures_are_remembered(cast: Cast) -> None:
    before = body(cast.vera.get("/api/ui/status/overview"))["safety"]["hold_id"]
    with cast.alice.acting():
        hold_engage(reason="funding reset", source="alice")
    found = body(cast.vera.get("/api/ui/status/overview"))
    assert found["safety"]["hold_id"] > before
    assert found["hold_reason"] == "funding reset"
    assert found["status_line"].startswith("Stopped by alice")


@pytest.mark.parametrize("path", ["overview", "components", "slo"])
def test_a_stranger_is_told_nothing(client: Any, path: str) -> None:
    assert client.get(f"/api/ui/status/{path}").status_code == 401


def queries_of(cast: Cast, path: str, *, anew: bool = True) -> int:
    if anew:
        forget_all()
    with CaptureQueriesContext(connection) as captured:
        assert cast.vera.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("path", MOST_QUERIES)
def test_the_number_of_queries_is_frozen_and_does_not_grow_with_the_hedges(cast: Cast, path: str) -> None:
    queries_of(cast, path)  # the token's last use is noted once a minute
    make_hedges(1)
    few = queries_of(cast, path)
    make_hedges(20)
    assert queries_of(cast, path) == few
    assert few <= MOST_QUERIES[path], few


def test_what_is_kept_is_not_asked_for_again(cast: Cast) -> None:
    queries_of(cast, "/api/ui/status/overview")
    assert queries_of(cast, "/api/ui/status/overview", anew=False) <= QUERIES_OF_A_KEPT_STATUS


def test_a_hold_reaches_every_figure_at_once(cast: Cast) -> None:
    """Whatever the other figures say: they may be a second old, this may not."""
    STATUS.read()
    STATUS._kept = (STATUS.begun_at(), {**STATUS.read(), "edge_guard": {"allowed": True, "reason": None}})
    found = body(cast.vera.get("/api/ui/status/overview"))
    assert found["overall"] == "HOLD"
    assert found["edge_guard"] == {"allowed": False, "reason": "HOLD is active"}
    assert [row["status"] for row in found["components"] if row["id"] == "desk"] == ["HOLD"]


def test_looking_writes_nothing(cast: Cast) -> None:
    body(cast.vera.get("/api/ui/status/overview"))  # the token's last use is noted once a minute
    with CaptureQueriesContext(connection) as captured:
        for path in ("status/overview", "status/components", "status/slo", "state", "ops_report", "audit_snapshot"):
            body(cast.vera.get(f"/api/ui/{path}"))
    # A prepared statement is logged without its text: those only read the desk's rows.
    asked = [row["sql"] for row in captured if row["sql"]]
    writes = [sql for sql in asked if sql.split()[0] in ("INSERT", "DELETE")]
    writes += [sql for sql in asked if sql.startswith("UPDATE") and "tokennote" not in sql]
    assert writes == []
