"""Close, flatten, complete, close_exposure, kill and cancel-all: they pass HOLD, and are never limited."""

from collections.abc import Iterator

import pytest

from propbot.clock import utc_now
from risk.models import DeskState
from risk.services.hold import hold_engage
from tests.access.people import APPROVE_TOKEN, Cast
from tests.engine.desk import Desk
from tests.risk.conftest import Figures
from tests.trading.rows import closed_hedge
from tests.trading.trader import trader_worker
from trading.models import Hedge, HedgeAttempt, UniverseEntry
from trading.services.execution import hedge_open


@pytest.fixture
def ready(desk: Desk, figures: Figures, cast: Cast) -> Iterator[Desk]:
    UniverseEntry.objects.create(symbol="BTCUSDT", allowed=True, changed_at=utc_now())
    with trader_worker():
        yield desk


def opened(desk: Desk, symbol: str = "BTCUSDT") -> Hedge:
    result = hedge_open(plan=desk.plan(symbol), attempt=None)
    assert result.status == "open"
    return result.hedge


@pytest.mark.parametrize("how", ["close", "flatten"])
def test_an_operator_closes_a_hedge_under_hold(ready: Desk, cast: Cast, how: str) -> None:
    hedge = opened(ready)
    hold_engage(reason="test", source="test")
    answer = cast.alice.post(f"/api/ui/positions/{hedge.pk}/{how}", {"reason": "enough"})
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["success"], answer.json()["status"]) == (True, "closed")
    assert ready.flat()
    attempt = HedgeAttempt.objects.get(kind=how)
    assert (attempt.initiator, attempt.result, attempt.hedge_id) == ("alice", "closed", hedge.pk)


def test_completing_what_is_not_partial_is_refused(ready: Desk, cast: Cast) -> None:
    hedge = opened(ready)
    answer = cast.alice.post(f"/api/ui/positions/{hedge.pk}/complete", {})
    assert (answer.status_code, answer.json()["error"]) == (409, "not_partial")


def test_close_exposure_closes_everything(ready: Desk, cast: Cast) -> None:
    opened(ready)
    opened(ready, "ETHUSDT")
    hold_engage(reason="test", source="test")
    answer = cast.bob.post("/api/ui/close_exposure", {})
    assert answer.status_code == 200, answer.json()
    assert [row["status"] for row in answer.json()["positions"]] == ["closed", "closed"]
    assert ready.flat()
    assert ready.flat("ETHUSDT")


def test_an_unknown_position_is_404_and_an_ended_one_409(ready: Desk, cast: Cast) -> None:
    assert cast.alice.post("/api/ui/positions/7d0a6f9e-5a0f-4a64-8a50-bb1a2c0f0f00/close", {}).status_code == 404
    answer = cast.alice.post(f"/api/ui/positions/{closed_hedge().pk}/close", {})
    assert (answer.status_code, answer.json()["error"]) == (409, "position_ended")


@pytest.mark.parametrize(
    "path", ["/api/ui/close_exposure", "/api/ui/kill-request", "/api/ui/kill", "/api/ui/cancel-all"]
)
def test_only_operators_reduce_or_stop(ready: Desk, cast: Cast, path: str) -> None:
    for member in (cast.vera, cast.otto):
        assert member.post(path, {}).status_code == 403
    assert not DeskState.objects.get().hold_active


@pytest.mark.parametrize(
    ("request_path", "confirm_path"),
    [
        ("/api/ui/kill-request", "/api/ui/kill-confirm"),
        ("/api/ui/kill", "/api/ui/kill"),
        ("/api/ui/cancel-all", "/api/ui/cancel-all/confirm"),
        ("/api/ui/cancel_all", "/api/ui/cancel-all-confirm"),
    ],
)
def test_asking_stops_the_desk_at_once_and_another_operator_cancels_everything(
    ready: Desk, cast: Cast, request_path: str, confirm_path: str
) -> None:
    asked = cast.alice.post(request_path, {"reason": "something is wrong"})
    assert asked.status_code == 202
    assert (asked.json()["status"], asked.json()["hold_active"]) == ("pending", True)
    desk = DeskState.objects.get()
    assert (desk.hold_active, desk.safe_mode) == (True, True)
    assert cast.alice.post(confirm_path, {"token": APPROVE_TOKEN}).status_code == 403
    assert cast.bob.post(confirm_path, {"token": "wrong"}).status_code == 401
    done = cast.bob.post(confirm_path, {"token": APPROVE_TOKEN})
    assert done.status_code == 200, done.json()
    assert done.json()["cancelled"] == {"binance-um": 0, "okx-perp": 0}
    assert done.json()["hold_active"] is True
    assert HedgeAttempt.objects.get(kind="cancel_all").initiator == "bob"
    assert cast.bob.post(confirm_path, {"token": APPROVE_TOKEN}).status_code in (404, 409)
