"""The risk floor over HTTP: fields and codes of API.md."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from knox.models import AuthToken
from rest_framework.test import APIClient

from risk.intents import ExposureSnapshot, PnlFigures, StrategyPnl
from risk.models import RiskLimit, Strategy
from risk.services.hold import hold_engage
from risk.services.strategies import strategy_freeze
from tests.risk.figures import NOW, TOKEN, Cast, Figures, the_desk

D = Decimal
pytestmark = pytest.mark.django_db
NAME = "cross_exchange_arb"


class Caller:
    def __init__(self, name: str) -> None:
        self.client = APIClient()
        _, token = AuthToken.objects.create(User.objects.get(username=name))
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, body, format="json")

    def post_once(self, path: str, key: str, **body: Any) -> Any:
        return self.client.post(path, body, format="json", headers={"Idempotency-Key": key})

    def patch(self, path: str, **body: Any) -> Any:
        return self.client.patch(path, body, format="json")


@pytest.fixture
def desk(cast: Cast, figures: Figures, setting: Callable[..., None]) -> Cast:
    setting(API_RATE_PER_MIN=10_000, API_BURST=10_000)
    hold_engage(reason="test", source="test")
    return cast


@pytest.fixture
def alice(desk: Cast) -> Caller:
    return Caller("alice")


@pytest.fixture
def bob(desk: Cast) -> Caller:
    return Caller("bob")


def test_hold_answers_with_its_id_and_what_is_in_flight(alice: Caller, figures: Figures) -> None:
    figures.in_flight = ["PB1"]
    before = the_desk().hold_id
    answer = alice.post("/api/ui/hold", reason="lunch")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["hold_active"], body["hold_id"], body["in_flight"]) == (True, before + 1, ["PB1"])
    assert body["safety"]["hold_reason"] == "lunch"
    assert body["safety"]["hold_source"] == "alice"
    assert "ts" in body
    assert alice.post("/api/ui/stop").json()["hold_id"] == before + 2


@pytest.mark.parametrize("path", ["hold", "stop", "kill-request", "kill", "cancel-all"])
def test_a_stop_repeated_with_its_key_stops_a_desk_that_ran_again(alice: Caller, bob: Caller, path: str) -> None:
    first = alice.post_once(f"/api/ui/{path}", "stop-1", reason="stop").json()
    again = alice.post_once(f"/api/ui/{path}", "stop-1", reason="stop")
    assert (again.json(), again["Idempotent-Replay"], the_desk().hold_id) == (first, "true", first["hold_id"])
    alice.post("/api/ui/resume-request", reason="fixed")
    assert bob.post("/api/ui/resume-confirm", token=TOKEN).json()["hold_active"] is False
    later = alice.post_once(f"/api/ui/{path}", "stop-1", reason="stop").json()
    assert the_desk().hold_active
    assert (later["hold_active"], later["hold_id"]) == (True, first["hold_id"] + 1)


@pytest.mark.parametrize("name", ["vera", "otto"])
@pytest.mark.parametrize(
    "path",
    ["hold", "stop", "resume-request", "resume-confirm", "resume", "limits", "budget/reset", "strategy/enable"],
)
def test_viewers_and_auditors_change_nothing(desk: Cast, name: str, path: str) -> None:
    assert Caller(name).post(f"/api/ui/{path}").status_code == 403


def test_nobody_without_a_token_reads_or_writes(desk: Cast) -> None:
    assert APIClient().post("/api/ui/hold", {}, format="json").status_code == 401
    assert APIClient().get("/api/ui/risk_snapshot").status_code == 401


def test_the_two_person_resume_over_http(alice: Caller, bob: Caller) -> None:
    asked = alice.post("/api/ui/resume-request", reason="fixed").json()
    assert asked["hold_active"] is True
    assert asked["resume_request"]["requested_by"] == "alice"
    assert asked["resume_request"]["pending"] is True
    assert alice.post("/api/ui/resume-request").json()["resume_request"]["id"] == asked["resume_request"]["id"]
    other = bob.post("/api/ui/resume-request")
    assert (other.status_code, other.json()["error"]) == (409, "already_pending")
    assert alice.post("/api/ui/resume-confirm", token=TOKEN).status_code == 403
    assert bob.post("/api/ui/resume-confirm", token="wrong").status_code == 401
    assert bob.post("/api/ui/resume-confirm", token="").status_code == 401
    confirmed = bob.post("/api/ui/resume-confirm", token=TOKEN)
    assert confirmed.status_code == 200
    assert (confirmed.json()["hold_cleared"], confirmed.json()["hold_active"]) == (True, False)
    assert confirmed.json()["safety"]["last_released_ts"]
    again = bob.post("/api/ui/resume-confirm", token=TOKEN)
    assert (again.status_code, again.json()["error"]) == (409, "already_decided")
    safe = alice.post("/api/ui/resume")
    assert (safe.status_code, safe.json()["error"]) == (423, "safe_mode")
    asked = alice.patch("/api/ui/control", safe_mode=False, reason="go")
    assert (asked.status_code, asked.json()["status"]) == (202, "pending")
    decided = bob.post(f"/api/ui/approvals/{asked.json()['request_id']}/approve", token=TOKEN)
    assert decided.status_code == 200
    assert alice.post("/api/ui/resume").json()["mode"] == "RUN"


def test_resume_is_423_under_hold(alice: Caller) -> None:
    answer = alice.post("/api/ui/resume")
    assert (answer.status_code, answer.json()["error"]) == (423, "hold_active")


def test_nothing_to_confirm_is_404_and_a_newer_hold_409(alice: Caller, bob: Caller) -> None:
    assert bob.post("/api/ui/resume-confirm", token=TOKEN).status_code == 404
    alice.post("/api/ui/resume-request")
    alice.post("/api/ui/hold")
    answer = bob.post("/api/ui/resume-confirm", token=TOKEN)
    assert (answer.status_code, answer.json()["error"]) == (409, "hold_changed")


def test_control_tightens_at_once_and_asks_for_the_rest(alice: Caller, bob: Caller) -> None:
    tightened = alice.patch("/api/ui/control", order_notional_usdt="100", reduce_only=True)
    assert tightened.status_code == 200
    assert tightened.json()["changes"] == {"order_notional_usdt": "100", "reduce_only": True}
    assert tightened.json()["control"]["order_notional_usdt"] == "100"
    mixed = alice.patch("/api/ui/control", max_slippage_bps=1, order_notional_usdt=400, loop_pair="BTCUSDT")
    assert mixed.status_code == 202
    assert mixed.json()["changes"] == {"max_slippage_bps": "1"}
    assert mixed.json()["control"]["order_notional_usdt"] == "100"
    decided = bob.post(f"/api/ui/approvals/{mixed.json()['request_id']}/approve", token=TOKEN)
    assert decided.status_code == 200
    after = alice.patch("/api/ui/control", post_only=True).json()["control"]
    assert (after["order_notional_usdt"], after["loop_pair"], after["post_only"]) == ("400", "BTCUSDT", True)


LOOSENINGS = [
    {"post_only": False},
    {"reduce_only": False},
    {"auto_hedge_enabled": True},
    {"order_notional_usdt": 251},
    {"max_slippage_bps": "2.1"},
    {"min_spread_bps": "0.5"},
    {"poll_interval_sec": "4"},
    {"loop_pair": "ETHUSDT"},
    {"loop_venues": ["binance-um", "okx-perp"]},
]


@pytest.mark.parametrize("change", LOOSENINGS)
def test_every_loosening_waits_for_a_second_person(alice: Caller, change: dict[str, Any]) -> None:
    alice.patch("/api/ui/control", post_only=True, reduce_only=True, min_spread_bps=1)
    answer = alice.patch("/api/ui/control", **change)
    assert answer.status_code == 202, answer.json()


@pytest.mark.parametrize(
    "change",
    [
        {"order_notional_usdt": "NaN"},
        {"order_notional_usdt": "Infinity"},
        {"order_notional_usdt": "1e400"},
        {"order_notional_usdt": 0},
        {"order_notional_usdt": -1},
        {"order_notional_usdt": True},
        {"order_notional_usdt": "9" * 5000},
        {"max_slippage_bps": -1},
        {"min_spread_bps": "-0.1"},
        {"poll_interval_sec": 0},
    ],
)
def test_a_number_that_is_none_is_refused_by_name(alice: Caller, change: dict[str, Any]) -> None:
    answer = alice.patch("/api/ui/control", **change)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_number")
    assert answer.json()["field"] == next(iter(change))


def test_unknown_fields_are_refused_and_claims_are_not(alice: Caller) -> None:
    assert alice.patch("/api/ui/control", hold_active=False).status_code == 400
    assert alice.post("/api/ui/hold", actor="mallory", requested_by="mallory").status_code == 200
    assert alice.patch("/api/ui/control").status_code == 400


def test_a_limit_is_lowered_at_once_and_raised_by_two(alice: Caller, bob: Caller) -> None:
    lowered = alice.post("/api/ui/limits", name="max_total_notional_usdt", value="70000", reason="less")
    assert lowered.status_code == 200
    raised = alice.post("/api/ui/limits", name="MAX_TOTAL_NOTIONAL_USDT", value=120000, reason="more")
    assert raised.status_code == 202
    assert raised.json()["sentence"] == "Raise MAX_TOTAL_NOTIONAL_USDT from 70 000 to 120 000"
    assert RiskLimit.objects.get(name="MAX_TOTAL_NOTIONAL_USDT").value == 70000
    bob.post(f"/api/ui/approvals/{raised.json()['request_id']}/approve", token=TOKEN)
    listing = Caller("vera").get("/api/ui/limits").json()
    row = next(item for item in listing["limits"] if item["name"] == "MAX_TOTAL_NOTIONAL_USDT")
    assert (row["value"], row["current"]) == ("120000", "0")
    assert listing["version"] == lowered.json()["limits_version"] + 1
    drifted = [item["name"] for item in listing["drift"]]
    assert "MAX_TOTAL_NOTIONAL_USDT" in drifted


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("MAX_DAILY_LOSS_USD", 0, 202),
        ("MAX_UNREALIZED_LOSS_USD", 100, 200),
        ("MAX_TOTAL_NOTIONAL_USD", 10000, 200),
        ("MAX_TOTAL_NOTIONAL_USD", 0, 202),
        ("MAX_POSITION_USDT__BTCUSDT", 100, 200),
        ("MAX_POSITION_USDT__BTCUSDT", 26000, 202),
        ("MAX_OPEN_ORDERS__okx_perp", 6, 202),
        ("MAX_OPEN_ORDERS__OKX_PERP", 4, 200),
        ("MAX_NOTIONAL_PER_EXCHANGE__bybit", 1, 202),
        ("MAX_NOTIONAL_PER_EXCHANGE__okx-perp", 49999, 200),
        ("cross_exchange_arb.max_notional_usdt", 1000, 200),
        ("cross_exchange_arb.daily_loss_usdt", 501, 202),
        ("MAX_OPEN_POSITIONS", "2.5", 400),
        ("MAX_OPEN_POSITIONS", 0, 400),
        ("MAX_LEVERAGE", 126, 400),
        ("MAX_OPEN_POSITIONS", "NaN", 400),
        ("MAX_OPEN_POSITIONS", -1, 400),
        ("NO_SUCH_LIMIT", 1, 400),
        ("MAX_NOTIONAL_PER_EXCHANGE", 1, 400),
    ],
)
def test_what_lowers_and_what_raises(alice: Caller, name: str, value: Any, status: int) -> None:
    assert alice.post("/api/ui/limits", name=name, value=value, reason="r").status_code == status


def test_unfreezing_takes_two(alice: Caller, bob: Caller) -> None:
    assert alice.post("/api/ui/unfreeze-strategy", strategy=NAME).status_code == 409
    strategy_freeze(name=NAME, reason="three failures")
    asked = alice.post("/api/ui/unfreeze-strategy", strategy=NAME, reason="fixed")
    assert asked.status_code == 202
    assert (asked.json()["strategy"], asked.json()["reason"]) == (NAME, "fixed")
    assert alice.post("/api/ui/unfreeze-strategy/confirm", strategy=NAME, token=TOKEN).status_code == 403
    assert bob.post("/api/ui/unfreeze-strategy-confirm", strategy=NAME, token=TOKEN).status_code == 200
    assert not Strategy.objects.get(name=NAME).frozen


def test_disabling_is_at_once_and_enabling_takes_two(alice: Caller, bob: Caller) -> None:
    assert alice.post("/api/ui/strategy/disable", strategy=NAME, reason="odd").status_code == 200
    assert not Strategy.objects.get(name=NAME).enabled
    asked = alice.post("/api/ui/set-strategy-enabled", strategy=NAME, enabled=True)
    assert asked.status_code == 202
    bob.post(f"/api/ui/approvals/{asked.json()['request_id']}/approve", token=TOKEN)
    assert Strategy.objects.get(name=NAME).enabled
    assert alice.post("/api/ui/strategy/enable", strategy=NAME).status_code == 200
    assert alice.post("/api/ui/strategy/enable", strategy="nope").status_code == 404


def test_the_budget_is_reset_by_hand_once_a_day(alice: Caller, figures: Figures) -> None:
    loss = {NAME: StrategyPnl(realized_today_usdt=D(-600))}
    figures.pnl = PnlFigures(taken_at=NOW, realized_today_usdt=D(-600), unrealized_usdt=D(0), per_strategy=loss)
    before = alice.get("/api/ui/strategy_status").json()["strategies"][0]
    assert (before["budget"]["used_today_usdt"], before["budget_blocked"]) == ("600", True)
    reset = alice.post("/api/ui/budget/reset", strategy=NAME, reason="agreed")
    assert reset.status_code == 200
    assert reset.json()["budget"]["used_today_usdt"] == "0"
    again = alice.post("/api/ui/budget/reset", strategy=NAME)
    assert (again.status_code, again.json()["error"]) == (409, "already_reset")


FIELDS = {
    "/api/ui/risk_snapshot": (
        "total_notional_usd per_venue partial_hedges_count autopilot_enabled hold_active safe_mode dry_run_mode "
        "risk_score var accounting"
    ),
    "/api/risk/state": "limits current breaches per_strategy",
    "/api/ui/risk_status": "limits current breaches per_strategy",
    "/api/ui/capital": "total_capital_usdt per_strategy_limits current_usage headroom",
    "/api/ui/strategy_budget": "strategies snapshot",
    "/api/ui/strategy_status": "strategies snapshot",
    "/api/ui/limits": "limits version drift",
}


@pytest.mark.parametrize("name", ["vera", "otto", "alice"])
@pytest.mark.parametrize("path", FIELDS)
def test_every_role_reads_the_fields_of_the_contract(desk: Cast, name: str, path: str) -> None:
    answer = Caller(name).get(path)
    assert answer.status_code == 200
    assert set(FIELDS[path].split()) <= answer.json().keys()


def test_the_accounting_holds_what_the_contract_names(alice: Caller, figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=NOW, total_notional_usdt=D(80000), open_hedges=2, partial_hedges=1)
    body = alice.get("/api/ui/risk_snapshot").json()
    assert (body["total_notional_usd"], body["partial_hedges_count"]) == ("80000", 1)
    totals = body["accounting"]["totals"]
    assert {"open_notional", "open_positions", "realized_pnl_today", "budget_used", "breaches", "simulated"} <= set(
        totals
    )
    assert totals["breaches"] == ["max_total_notional_usdt"]
    budget = body["accounting"]["per_strategy"][NAME]["budget"]
    assert {"limit_usdt", "used_today_usdt", "remaining_usdt", "last_reset_ts_utc", "blocked_by_budget"} <= set(budget)
    status = alice.get("/api/ui/strategy_status").json()["strategies"][0]
    assert status["state"] == "active"
    assert {"realized_pnl_7d", "max_drawdown_observed", "risk_limits", "freeze_reason"} <= set(status)
