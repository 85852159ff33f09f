"""Each fault kind does what its name says, on the request that it was posted for, and says that it fired."""

import time
import urllib.error
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.simulator.conftest import BTC
from tests.simulator.server import SimulatorHandle
from trading.simulator.faults import FaultBoard, FaultError, Request

VENUES = ("binance-um", "okx-perp")
ORDER = {"binance-um": "/fapi/v1/order", "okx-perp": "/trade/batch-orders"}
QUANTITY = {"binance-um": 0.02, "okx-perp": 2}


def fired(simulator: SimulatorHandle) -> list[int]:
    return [fault["fired"] for fault in simulator.control("GET", "/control/state")["faults"]]


def post(board: FaultBoard, kind: str, match: dict[str, Any] | None = None, times: int | None = 1, **args: Any) -> None:
    board.post({"venue": "binance-um", "kind": kind, "match": match or {}, "args": args, "times": times}, VENUES, 0)


def placing(side: str = "buy", client_id: str = "PBabc" + "x" * 22 + "A01") -> Request:
    return Request("POST", "/fapi/v1/order", places_order=True, side=side, client_id=client_id)


def test_nth_counts_matching_requests_from_one_after_posting() -> None:
    board = FaultBoard()
    post(board, "drop_before", {"method": "POST", "path": "order", "nth": 3}, times=2)
    hits = [bool(board.firing("binance-um", placing(), 0)) for _ in range(6)]
    assert hits == [False, False, True, True, False, False]
    assert board.firing("okx-perp", placing(), 0) == []


@pytest.mark.parametrize(
    ("leg", "hits"), [("long", [True, False]), ("sell", [False, True]), ("A", [True, False]), ("b", [False, True])]
)
def test_a_leg_is_a_side_or_the_letter_in_the_client_id(leg: str, hits: list[bool]) -> None:
    legs = [placing("buy"), placing("sell", "PBabc" + "x" * 22 + "B01")]
    for one, hit in zip(legs, hits, strict=True):
        board = FaultBoard()
        post(board, "drop_before", {"leg": leg})
        assert bool(board.firing("binance-um", one, 0)) is hit


def test_times_null_fires_until_deleted() -> None:
    board = FaultBoard()
    post(board, "http_status", times=None, status=500)
    assert all(board.firing("binance-um", placing(), 0) for _ in range(50))
    board.clear()
    assert board.firing("binance-um", placing(), 0) == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "nonsense", "venue": "okx-perp"},
        {"kind": "latency", "venue": "nowhere"},
        {"kind": "html", "venue": "okx-perp", "times": 0},
        {"kind": "latency", "venue": "okx-perp", "args": {"ms": "NaN"}},
        {"kind": "venue_error", "venue": "okx-perp"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        FaultBoard().post(body, VENUES, 0)


@pytest.mark.parametrize("venue", VENUES)
async def test_a_partial_fault_fills_a_share_and_ends_the_rest(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    simulator.fault(venue, "partial", {"method": "POST", "path": ORDER[venue]}, fraction="0.5")
    placed = await clients[venue].create_order(BTC, "market", "buy", QUANTITY[venue])
    order = await clients[venue].fetch_order(placed["id"], BTC)
    assert order["filled"] == QUANTITY[venue] / 2
    assert order["status"] in ("expired", "canceled")
    assert Decimal(simulator.rows("positions", venue)[0]["quantity"]) == Decimal("0.01")
    assert fired(simulator) == [1]


@pytest.mark.parametrize(("venue", "code"), [("binance-um", "-2019"), ("okx-perp", "51008")])
async def test_a_rejected_order_is_listed_and_moves_nothing(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str, code: str
) -> None:
    simulator.fault(venue, "reject", {"path": ORDER[venue]})
    with pytest.raises(ccxt.ExchangeError, match=code):
        await clients[venue].create_order(BTC, "market", "buy", QUANTITY[venue], None, {"clientOrderId": "refused1"})
    arrived = [row for row in simulator.rows("orders", venue) if row["client_order_id"] == "refused1"]
    assert [(row["accepted"], row["status"]) for row in arrived] == [(False, "refused")]
    assert simulator.rows("positions", venue) == []


@pytest.mark.parametrize("venue", VENUES)
async def test_query_lag_hides_a_placed_order_for_a_while(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    client = clients[venue]
    simulator.fault(venue, "query_lag", {"method": "POST", "path": ORDER[venue]}, seconds=1.5)
    await client.create_order(BTC, "market", "buy", QUANTITY[venue], None, {"clientOrderId": f"lagging{venue[0]}"})
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order(None, BTC, {"clientOrderId": f"lagging{venue[0]}"})
    assert simulator.rows("positions", venue)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            order = await client.fetch_order(None, BTC, {"clientOrderId": f"lagging{venue[0]}"})
        except ccxt.OrderNotFound:
            continue
        break
    assert order["status"] == "closed"


@pytest.mark.parametrize("venue", VENUES)
async def test_clock_skew_moves_the_venue_s_clock_until_deleted(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    simulator.fault(venue, "clock_skew", ms=-700)
    skewed = await clients[venue].fetch_time() - time.time() * 1000
    simulator.control("DELETE", "/control/faults")
    right = await clients[venue].fetch_time() - time.time() * 1000
    assert -1000 < skewed < -400
    assert abs(right) < 300


@pytest.mark.parametrize("venue", VENUES)
async def test_a_stale_book_keeps_its_state_and_its_time(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    first = await clients[venue].fetch_order_book(BTC, 20)
    simulator.fault(venue, "stale_book")
    frozen = await clients[venue].fetch_order_book(BTC, 20)
    simulator.control("POST", "/control/dislocate", {"venue": venue, "symbol": "BTCUSDT", "bps": 50, "seconds": 1})
    again = await clients[venue].fetch_order_book(BTC, 20)
    assert (again["bids"], again["timestamp"], again["nonce"]) == (frozen["bids"], frozen["timestamp"], frozen["nonce"])
    assert frozen["timestamp"] >= first["timestamp"]


@pytest.mark.parametrize("venue", VENUES)
async def test_a_crossed_book_is_crossed_until_deleted(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    simulator.fault(venue, "crossed_book", bps=10)
    crossed = await clients[venue].fetch_order_book(BTC, 5)
    simulator.control("DELETE", "/control/faults")
    right = await clients[venue].fetch_order_book(BTC, 5)
    assert crossed["bids"][0][0] > crossed["asks"][0][0]
    assert right["bids"][0][0] < right["asks"][0][0]


@pytest.mark.parametrize("venue", VENUES)
async def test_latency_delays_one_answer(simulator: SimulatorHandle, clients: dict[str, Any], venue: str) -> None:
    simulator.fault(venue, "latency", {"path": "time"}, ms=400)
    started = time.monotonic()
    await clients[venue].fetch_time()
    delayed = time.monotonic() - started
    await clients[venue].fetch_time()
    assert delayed >= 0.4
    assert fired(simulator) == [1]


async def test_a_bad_number_reaches_the_client_as_sent(simulator: SimulatorHandle, clients: dict[str, Any]) -> None:
    client = clients["binance-um"]
    simulator.fault("binance-um", "bad_number", {"path": "bookTicker"}, value="1e400")
    await client.fetch_bids_asks([BTC])
    assert '"bidPrice":"1e400"' in client.last_http_response
    await client.fetch_bids_asks([BTC])
    assert "1e400" not in client.last_http_response


async def test_http_status_takes_effect_only_where_applied(simulator: SimulatorHandle, clients: dict[str, Any]) -> None:
    client = clients["binance-um"]
    for applied in (False, True):
        simulator.fault("binance-um", "http_status", {"method": "POST", "path": "/order"}, status=502, applied=applied)
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": f"badgateway{applied}"})
    accepted = {row["client_order_id"] for row in simulator.rows("orders", "binance-um") if row["accepted"]}
    assert "badgatewayTrue" in accepted
    assert "badgatewayFalse" not in accepted


async def test_a_dislocation_lifts_one_venue_and_is_labelled(
    simulator: SimulatorHandle, clients: dict[str, Any]
) -> None:
    before = {venue: (await clients[venue].fetch_order_book(BTC, 5))["bids"][0][0] for venue in VENUES}
    simulator.control("POST", "/control/dislocate", {"venue": "okx-perp", "symbol": "BTCUSDT", "bps": 60, "seconds": 1})
    after = {venue: (await clients[venue].fetch_order_book(BTC, 5))["bids"][0][0] for venue in VENUES}
    shown = simulator.control("GET", "/control/state")["dislocations"][-1]
    assert after["okx-perp"] / before["okx-perp"] == pytest.approx(1.006, abs=0.0008)
    assert after["binance-um"] / before["binance-um"] == pytest.approx(1, abs=0.0008)
    assert (shown["label"], shown["source"], shown["active"]) == ("dislocation", "control", True)


async def test_a_dislocation_is_ended_at_once_on_request(simulator: SimulatorHandle, clients: dict[str, Any]) -> None:
    lift = {"venue": "okx-perp", "symbol": "ETHUSDT", "bps": 300, "seconds": 600}
    simulator.control("POST", "/control/dislocate", lift)
    lifted = (await clients["okx-perp"].fetch_order_book("ETH/USDT:USDT", 5))["bids"][0][0]
    assert simulator.control("DELETE", "/control/dislocate")["ended"] >= 1
    back = (await clients["okx-perp"].fetch_order_book("ETH/USDT:USDT", 5))["bids"][0][0]
    shown = simulator.control("GET", "/control/state")["dislocations"]
    assert lifted / back == pytest.approx(1.03, abs=0.0008)
    assert not any(one["active"] for one in shown)
    assert shown[-1]["seconds"] < 600


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/dislocate", {"venue": "okx-perp", "symbol": "BTCUSDT", "bps": "NaN", "seconds": 1}),
        ("/control/faults", {"kind": "x"}),
        ("/control/trade", {"venue": "okx-perp", "symbol": "NOPE", "quantity": "1"}),
        ("/control/funding", {"venue": "nowhere"}),
    ],
)
def test_senseless_control_calls_answer_400(simulator: SimulatorHandle, path: str, body: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        simulator.control("POST", path, body)
    assert caught.value.code == 400
    caught.value.close()
