"""Preview, execute, opportunity and confirm over HTTP, through a real queue, against the real simulator."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.models import AuditRecord
from propbot.clock import utc_now
from risk.models import DeskState
from risk.services.hold import hold_engage
from tests.access.people import Cast
from tests.engine.desk import SHORT, SYMBOLS, Desk
from tests.risk.conftest import Figures
from tests.trading.market import grown_basis
from tests.trading.trader import trader_worker
from trading.models import Hedge, HedgeAttempt, Instrument, Opportunity, UniverseEntry
from trading.quotes import board
from trading.services import submission
from trading.services.scanning import scan

D = Decimal
ENTRY = {"symbol": "BTCUSDT", "min_spread_bps": "0", "notion_usdt": "300", "leverage": "1"}


@pytest.fixture
def ready(desk: Desk, figures: Figures, cast: Cast) -> Desk:
    for symbol in SYMBOLS:
        UniverseEntry.objects.create(symbol=symbol, allowed=True, changed_at=utc_now())
        grown_basis("5", symbol)
    Instrument.objects.update(
        funding_rate=D("0.00001"), funding_interval_hours=D(8), next_funding_at=utc_now() + timedelta(hours=5)
    )
    return desk


@pytest.fixture
def worker(ready: Desk) -> Iterator[Desk]:
    with trader_worker():
        yield ready


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The web process gives up after half a second instead of ten."""
    monkeypatch.setattr(submission, "WAIT_SECONDS", 0.5)


def put_live_quotes(desk: Desk, symbol: str = "BTCUSDT") -> None:
    for client in desk.runtime.clients.values():
        board().put(desk.runtime.run(client.fetch_quotes([symbol])))


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_an_operator_executes_and_reads_both_legs(worker: Desk, cast: Cast) -> None:
    answer = cast.alice.post("/api/arb/execute", ENTRY)
    body = answer.json()
    assert answer.status_code == 200, body
    assert (body["success"], body["status"], body["simulated"], body["dry_run_mode"]) == (True, "open", False, False)
    assert len(body["legs"]) == 2
    assert {"venue", "symbol", "side", "status", "base_size", "avg_price", "leverage"} <= body["legs"][0].keys()
    assert {"long_order", "short_order", "position", "spread", "spread_bps"} <= body.keys()
    assert isinstance(body["spread"], str)
    assert Hedge.objects.get().initiator == "alice"
    actions = set(AuditRecord.objects.filter(action="hedge_execute").values_list("status", flat=True))
    assert actions == {"requested", "executed"}


def test_the_same_idempotency_key_opens_once(worker: Desk, cast: Cast) -> None:
    answers = [cast.alice.post("/api/arb/execute", ENTRY, Idempotency_Key="once") for _ in range(3)]
    assert {answer.json()["position"]["id"] for answer in answers} == {str(Hedge.objects.get().pk)}


def test_a_stopped_desk_answers_423_without_a_trader(ready: Desk, cast: Cast) -> None:
    hold_engage(reason="test", source="test")
    assert error_of(cast.alice.post("/api/arb/execute", ENTRY)) == (423, "hold_active")
    assert HedgeAttempt.objects.get().result == "refused"


def test_without_a_trader_nothing_is_sent_and_the_attempt_expires(ready: Desk, cast: Cast, impatient: None) -> None:
    assert error_of(cast.alice.post("/api/arb/execute", ENTRY)) == (503, "trader_unavailable")
    assert HedgeAttempt.objects.get().status == "expired"
    assert not Hedge.objects.exists()


def test_an_attempt_in_the_traders_hands_is_answered_202(ready: Desk, cast: Cast, impatient: None) -> None:
    from trading.services.attempts import attempt_claim

    original = submission.attempt_answer

    def claimed_meanwhile(*, attempt_id: Any) -> Any:
        attempt_claim(attempt_id=attempt_id, epoch=1)
        return original(attempt_id=attempt_id)

    submission.attempt_answer = claimed_meanwhile
    try:
        answer = cast.alice.post("/api/arb/execute", ENTRY)
    finally:
        submission.attempt_answer = original
    assert answer.status_code == 202
    assert answer.json()["attempt_id"] == str(HedgeAttempt.objects.get().pk)


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_only_operators_execute_or_confirm(ready: Desk, cast: Cast, name: str) -> None:
    member = getattr(cast, name)
    assert member.post("/api/arb/execute", ENTRY).status_code == 403
    assert member.post("/api/arb/confirm", {"opportunity_id": "x", "token": "y"}).status_code == 403
    assert not HedgeAttempt.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notion_usdt", "0"),
        ("notion_usdt", "-1"),
        ("notion_usdt", "NaN"),
        ("notion_usdt", "1e400"),
        ("notion_usdt", True),
        ("notion_usdt", "\u0661\u0662"),
        ("notion_usdt", "9" * 39),
        ("leverage", "0"),
        ("leverage", "Infinity"),
        ("min_spread_bps", "-0.1"),
        ("min_spread", "abc"),
    ],
)
def test_a_number_that_is_none_is_named(ready: Desk, cast: Cast, field: str, value: object) -> None:
    answer = cast.alice.post("/api/arb/execute", {**ENTRY, field: value})
    assert error_of(answer) == (400, "invalid_number")
    assert answer.json()["field"] == field


def test_a_number_of_five_thousand_digits_is_400_and_not_500(ready: Desk, cast: Cast) -> None:
    body = json.dumps({**ENTRY, "notion_usdt": 0}).replace('"notion_usdt": 0', '"notion_usdt": ' + "9" * 5000)
    assert cast.alice.post("/api/arb/execute", body).status_code == 400


def test_an_unknown_field_is_refused_and_a_claimed_identity_is_not_believed(worker: Desk, cast: Cast) -> None:
    assert cast.alice.post("/api/arb/execute", {**ENTRY, "status": "open"}).status_code == 400
    cast.alice.post("/api/arb/execute", {**ENTRY, "requested_by": "bob", "actor": "bob"})
    assert HedgeAttempt.objects.get().initiator == "alice"


def test_a_symbol_of_look_alikes_is_refused(ready: Desk, cast: Cast) -> None:
    answer = cast.alice.post("/api/arb/execute", {**ENTRY, "symbol": "ВTCUSDT"})  # noqa: RUF001 - a Cyrillic letter
    assert error_of(answer) == (400, "invalid_symbol")


def test_preview_shows_spread_costs_and_net_edge_to_every_role_and_writes_nothing(ready: Desk, cast: Cast) -> None:
    put_live_quotes(ready)
    for member in cast:
        answer = member.post("/api/arb/preview", {"pair": "BTCUSDT", "min_spread": "0.01"})
        body = answer.json()
        assert answer.status_code == 200, body
    contract = {
        "symbol", "min_spread", "spread", "spread_bps", "meets_min_spread", "long_exchange", "short_exchange",
        "cheap_ask", "expensive_bid", "net_edge_bps", "costs", "quotes",
    }  # fmt: skip
    assert contract <= body.keys()
    assert set(body["costs"]) == {
        "standing_basis_bps", "entry_fees_bps", "exit_fees_bps", "slippage_bps", "funding_bps",
    }  # fmt: skip
    assert set(next(iter(body["quotes"].values()))) == {"bid", "ask", "age_ms"}
    assert not HedgeAttempt.objects.exists()
    assert not Opportunity.objects.exists()


def test_preview_without_quotes_says_so(ready: Desk, cast: Cast) -> None:
    assert error_of(cast.vera.post("/api/arb/preview", {"symbol": "BTCUSDT"})) == (400, "stale_quote")
    assert error_of(cast.vera.post("/api/arb/preview", {"symbol": "NOSUCHUSDT"})) == (400, "symbol_not_allowed")


def allowed_opportunity(desk: Desk) -> Opportunity:
    body = {"venue": SHORT, "symbol": "ETHUSDT", "bps": 80, "seconds": 15}
    desk.simulator.ask("/control/dislocate", "POST", body)
    put_live_quotes(desk, "ETHUSDT")
    result = scan(now=utc_now())
    assert result is not None
    opportunity = Opportunity.objects.get(pk=result.opportunity_id)
    assert opportunity.status == "allowed", opportunity.blocked_reason
    return opportunity


def test_an_opportunity_is_confirmed_with_the_callers_own_token(worker: Desk, cast: Cast) -> None:
    opportunity = allowed_opportunity(worker)
    shown = cast.vera.get("/api/arb/opportunity").json()
    assert (shown["status"], shown["opportunity"]["id"]) == ("allowed", str(opportunity.pk))
    body = {"opportunity_id": str(opportunity.pk)}
    assert cast.alice.post("/api/arb/confirm", {**body, "token": "wrong"}).status_code == 401
    assert cast.alice.post("/api/arb/confirm", {**body, "token": cast.bob.token}).status_code == 401
    answer = cast.alice.post("/api/arb/confirm", {**body, "token": cast.alice.token})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["status"] == "open"
    assert HedgeAttempt.objects.get().kind == "confirm"


def test_a_confirmation_recomputes_and_refuses_what_is_gone(worker: Desk, cast: Cast) -> None:
    opportunity = Opportunity.objects.create(
        symbol="SOLUSDT", strategy="cross_exchange_arb", long_venue="okx-perp", short_venue="binance-um",
        spread=D(1), spread_bps=D(80), net_edge_bps=D(50), notional_suggestion=D(250), leverage_suggestion=D(1),
        status="allowed", created_at=utc_now(), expires_at=utc_now() + timedelta(seconds=30),
    )  # fmt: skip
    body = {"opportunity_id": str(opportunity.pk), "token": cast.alice.token}
    assert error_of(cast.alice.post("/api/arb/confirm", body)) == (400, "spread_below_threshold")


def test_an_unknown_opportunity_is_404_and_an_expired_one_410(ready: Desk, cast: Cast) -> None:
    unknown = {"opportunity_id": "7d0a6f9e-5a0f-4a64-8a50-bb1a2c0f0f00", "token": cast.alice.token}
    assert cast.alice.post("/api/arb/confirm", unknown).status_code == 404
    opportunity = allowed_opportunity(ready)
    Opportunity.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    expired = {"opportunity_id": str(opportunity.pk), "token": cast.alice.token}
    assert error_of(cast.alice.post("/api/arb/confirm", expired)) == (410, "expired")


def test_before_the_first_scan_there_is_no_opportunity(ready: Desk, cast: Cast) -> None:
    shown = cast.vera.get("/api/arb/opportunity").json()
    assert shown == {"opportunity": None, "status": "blocked_by_risk", "blocked_reason": "never_scanned"}


def test_dry_run_is_told_in_the_answer(worker: Desk, cast: Cast) -> None:
    DeskState.objects.update(dry_run=True)
    body = cast.alice.post("/api/arb/execute", ENTRY).json()
    assert (body["simulated"], body["dry_run_mode"], body["status"]) == (True, True, "simulated")
