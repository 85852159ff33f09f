"""What the venue has told its client is there after `kill -9`."""

from pathlib import Path
from typing import Any

import ccxt

from tests.simulator.conftest import BTC
from tests.simulator.server import SimulatorHandle, running_simulator, start_simulator

STATE = ("orders", "positions", "balances")


def trade(simulator: SimulatorHandle) -> dict[str, Any]:
    client = ccxt.binanceusdm(simulator.ccxt("binance-um"))
    client.load_markets()
    client.set_leverage(7, BTC)
    for side in ("buy", "buy", "sell"):
        client.create_order(BTC, "market", side, 0.01)
    bid = client.fetch_order_book(BTC, 5)["bids"][0][0]
    resting: dict[str, Any] = client.create_order(BTC, "limit", "buy", 0.01, bid * 0.97, {"clientOrderId": "resting-1"})
    return resting


def seen(simulator: SimulatorHandle) -> dict[str, Any]:
    rows = {what: simulator.control("GET", f"/control/{what}")[what] for what in STATE}
    rows["balances"] = [{name: value for name, value in row.items() if name != "equity"} for row in rows["balances"]]
    return rows


def test_accounts_orders_and_positions_survive_kill_nine(tmp_path: Path) -> None:
    simulator = start_simulator(tmp_path, dislocate_every=0)
    resting = trade(simulator)
    before = seen(simulator)
    simulator.kill()
    with running_simulator(tmp_path, dislocate_every=0) as again:
        client = ccxt.binanceusdm(again.ccxt("binance-um"))
        client.load_markets()
        assert seen(again) == before
        assert client.fetch_order(None, BTC, {"clientOrderId": "resting-1"})["id"] == resting["id"]
        assert client.fetch_leverage(BTC)["longLeverage"] == 7
        assert len(client.fetch_my_trades(BTC)) == len({trade["id"] for trade in client.fetch_my_trades(BTC)})
        fresh = client.create_order(BTC, "market", "sell", 0.01)
        assert int(fresh["id"]) > int(resting["id"])


def test_fresh_discards_them(tmp_path: Path) -> None:
    with running_simulator(tmp_path, dislocate_every=0) as simulator:
        trade(simulator)
    with running_simulator(tmp_path, dislocate_every=0, fresh=True) as simulator:
        assert seen(simulator)["orders"] == []
        assert seen(simulator)["positions"] == []
        assert {row["wallet"] for row in seen(simulator)["balances"]} == {"100000"}


def test_the_same_seed_numbers_orders_alike(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "other"):
        with running_simulator(tmp_path / name, seed=5, dislocate_every=0) as simulator:
            ids.append(trade(simulator)["id"])
    assert ids[0] == ids[1]
