"""The first hedge, from a stopped desk to a closed position, over HTTP alone, in the order of SPEC 4.

The tests of this module share one desk and run in order: each begins where the one before ended.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.desk import Desk, wait_for

pytestmark = pytest.mark.timeout(420)

CENT = Decimal("0.01")
COARSER_LOT = {"BTCUSDT": Decimal("0.001"), "ETHUSDT": Decimal("0.001"), "SOLUSDT": Decimal("0.01")}


def control_error(body: Any) -> str:
    return str(body.get("error") or body["detail"]["error"])


def allowed_opportunity(desk: Desk, seconds: float = 90) -> Any:
    answer = wait_for(
        "an allowed opportunity",
        lambda: desk.get("/api/arb/opportunity"),
        lambda found: found["opportunity"] is not None and found["status"] == "allowed",
        seconds,
    )
    return answer["opportunity"]


def positions(desk: Desk, **filters: str) -> list[Any]:
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return list(desk.get(f"/api/ui/positions?{query}")["positions"])


def execute_best(desk: Desk) -> Any:
    """Take allowed opportunities until one is still there when the order of checks is through."""

    def attempt() -> Any:
        found = allowed_opportunity(desk)
        body = {"symbol": found["symbol"], "min_spread_bps": "1", "notion_usdt": "300", "leverage": "1"}
        return desk.call("POST", "/api/arb/execute", "alice", body)

    answer = wait_for(
        "a hedge is executed",
        attempt,
        lambda reply: reply.status_code == 200 and reply.json().get("success") is True,
        200,
    )
    return answer.json()


def test_a_new_desk_is_stopped_safe_and_dry(desk: Desk) -> None:
    overview = desk.overview()
    assert overview["hold_active"] is True
    assert overview["safe_mode"] is True
    assert overview["dry_run_mode"] is True
    assert overview["mode"] == "HOLD"


def test_nothing_opens_on_a_stopped_desk(desk: Desk) -> None:
    body = {"symbol": "BTCUSDT", "min_spread_bps": "0", "notion_usdt": "300", "leverage": "1"}
    answer = desk.call("POST", "/api/arb/execute", "alice", body)
    assert answer.status_code == 423
    assert control_error(answer.json()) == "hold_active"


def test_the_steps_out_of_order_are_refused(desk: Desk) -> None:
    assert desk.call("POST", "/api/ui/resume", "alice", {}).status_code == 423
    assert desk.call("POST", "/api/ui/resume-confirm", "bob", {"token": "x"}).status_code in (401, 404)


def test_who_asks_cannot_confirm_and_a_wrong_token_confirms_nothing(desk: Desk) -> None:
    desk.post("/api/ui/hold", "alice", {"reason": "acceptance"})
    asked = desk.post("/api/ui/resume-request", "alice", {"reason": "acceptance"})
    assert asked["resume_request"]["pending"] is True
    token = desk.accounts["approve_token"]
    assert desk.call("POST", "/api/ui/resume-confirm", "alice", {"token": token}).status_code == 403
    assert desk.call("POST", "/api/ui/resume-confirm", "bob", {"token": "wrong"}).status_code == 401
    assert desk.call("POST", "/api/ui/resume-confirm", "vera", {"token": token}).status_code == 403
    assert desk.overview()["hold_active"] is True
    confirmed = desk.post("/api/ui/resume-confirm", "bob", {"token": token})
    assert confirmed["hold_cleared"] is True
    assert confirmed["hold_active"] is False


def test_safe_mode_comes_off_with_two_people_and_then_the_desk_runs(desk: Desk) -> None:
    assert desk.call("POST", "/api/ui/resume", "alice", {}).status_code == 423
    pending = desk.patch("/api/ui/control", "alice", {"safe_mode": False, "reason": "acceptance"}, expect=202)
    token = desk.accounts["approve_token"]
    own = desk.call("POST", f"/api/ui/approvals/{pending['request_id']}/approve", "alice", {"token": token})
    assert own.status_code == 403
    desk.approve(pending["request_id"], "bob")
    assert desk.post("/api/ui/resume", "alice")["mode"] == "RUN"
    overview = desk.overview()
    assert (overview["mode"], overview["safe_mode"], overview["dry_run_mode"]) == ("RUN", False, True)


def test_in_dry_run_a_hedge_is_simulated_and_the_venues_see_nothing(desk: Desk) -> None:
    before = len(desk.simulator("/control/orders")["orders"])
    answer = execute_best(desk)
    assert answer["simulated"] is True
    assert answer["dry_run_mode"] is True
    long_leg, short_leg = answer["legs"]
    assert Decimal(str(long_leg["base_size"])) == Decimal(str(short_leg["base_size"]))
    assert len(desk.simulator("/control/orders")["orders"]) == before
    shown = positions(desk, simulated="true")
    assert [row["status"] for row in shown][:1] in (["simulated"], ["closing"], ["closed"])


def test_a_real_hedge_is_delta_neutral_at_the_venues_and_its_pnl_is_what_the_wallets_moved(desk: Desk) -> None:
    desk.loosen({"dry_run_mode": False})
    assert desk.overview()["dry_run_mode"] is False
    wallets = desk.wallets()
    answer = execute_best(desk)
    assert answer["simulated"] is False
    symbol = answer["position"]["symbol"]
    size = Decimal(str(answer["position"]["base_size"]))
    assert size > 0
    assert size % COARSER_LOT[symbol] == 0
    by_side = {leg["side"]: leg for leg in answer["legs"]}
    assert all(Decimal(str(leg["base_size"])) == size for leg in answer["legs"])
    held = desk.venue_positions(symbol)
    assert sorted(held.values()) == [-size, size], (held, by_side)

    hedge_id = answer["position"]["id"]
    absent = {"status": "not closed"}
    closed = wait_for(
        "the hedge closes by itself",
        lambda: next((row for row in positions(desk, status="closed") if row["id"] == hedge_id), absent),
        lambda row: row["status"] == "closed",
        180,
    )
    assert set(desk.venue_positions(symbol).values()) == {Decimal(0)}
    moved = sum(desk.wallets().values()) - sum(wallets.values())
    assert abs(Decimal(str(closed["realized_pnl_usdt"])) - moved) < CENT


def test_auto_hedge_opens_by_itself_once_two_people_have_switched_it_on(desk: Desk) -> None:
    desk.loosen({"auto_hedge_enabled": True})
    entries = wait_for(
        "auto-hedge opens a hedge",
        lambda: desk.get("/api/ui/hedge/log?limit=100")["entries"],
        lambda rows: any(row["kind"] == "auto_hedge" and row["result"] == "opened" for row in rows),
        200,
    )
    assert any(row["initiator"] == "auto_hedge" for row in entries)
    assert desk.patch("/api/ui/control", "alice", {"auto_hedge_enabled": False})["control"]


def test_hold_answers_at_once_and_begins_a_new_hold(desk: Desk) -> None:
    first = desk.post("/api/ui/hold", "bob", {"reason": "acceptance"})
    again = desk.post("/api/ui/hold", "bob", {"reason": "acceptance again"})
    assert first["hold_active"] is True
    assert isinstance(first["in_flight"], list)
    assert again["hold_id"] > first["hold_id"]
    overview = desk.overview()
    assert (overview["mode"], overview["safe_mode"]) == ("HOLD", True)
    assert desk.call("POST", "/api/ui/hold", "vera", {"reason": "no"}).status_code == 403


def test_every_client_order_id_arrived_once(desk: Desk) -> None:
    arrived = [row["client_order_id"] for row in desk.simulator("/control/orders")["orders"]]
    assert arrived
    assert len(arrived) == len(set(arrived))


def test_the_auditor_reads_the_record_and_changes_nothing(desk: Desk) -> None:
    events = desk.get("/api/ui/audit_log", "otto")["events"]
    assert {"hold", "resume"} <= {
        word for row in events for word in str(row["action"]).lower().replace("_", " ").split()
    }
    assert desk.call("GET", "/api/ui/audit_log", "vera").status_code == 403
    assert desk.call("POST", "/api/ui/hold", "otto", {"reason": "no"}).status_code == 403
    assert desk.call("GET", "/api/ui/status/overview", None).status_code == 401
