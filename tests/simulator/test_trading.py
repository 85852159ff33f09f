"""Matching, money and queries through unmodified ccxt clients."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.simulator.conftest import BTC
from tests.simulator.server import SimulatorHandle, running_simulator

VENUES = ("binance-um", "okx-perp")
QUANTITY = {"binance-um": 0.02, "okx-perp": 2}  # 0.02 BTC each
BALANCE = Decimal(100_000)


def ledger_sum(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def wallet(simulator: SimulatorHandle, venue: str) -> Decimal:
    return Decimal(simulator.rows("balances", venue)[0]["wallet"])


async def income(client: Any) -> Decimal:
    return ledger_sum(await client.fapiPrivateGetIncome({"limit": 1000}), "income")


async def bills(client: Any) -> Decimal:
    return ledger_sum((await client.privateGetAccountBills())["data"], "balChg")


@pytest.mark.parametrize("venue", VENUES)
async def test_the_venue_s_own_ledger_explains_the_wallet_exactly(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    client, read = clients[venue], {"binance-um": income, "okx-perp": bills}[venue]
    for side in ("buy", "sell", "sell", "buy"):
        await client.create_order(BTC, "market", side, QUANTITY[venue])
    simulator.control("POST", "/control/funding", {"venue": venue, "symbol": "BTCUSDT", "rate": "0.0001"})
    assert BALANCE + await read(client) == wallet(simulator, venue)


@pytest.mark.parametrize("venue", VENUES)
async def test_longs_pay_a_positive_funding_rate(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    await clients[venue].create_order(BTC, "market", "buy", QUANTITY[venue])
    before, paid = wallet(simulator, venue), Decimal(simulator.rows("balances", venue)[0]["funding_paid"])
    answer = simulator.control("POST", "/control/funding", {"venue": venue, "symbol": "BTCUSDT", "rate": "0.001"})
    history = await clients[venue].fetch_funding_history(BTC)
    assert Decimal(answer["amount"]) < 0
    assert wallet(simulator, venue) == before + Decimal(answer["amount"])
    assert Decimal(simulator.rows("balances", venue)[0]["funding_paid"]) == paid - Decimal(answer["amount"])
    assert Decimal(str(history[-1]["amount"])) == Decimal(answer["amount"])


@pytest.mark.parametrize("venue", VENUES)
async def test_a_resting_order_fills_as_maker_when_the_market_comes_to_it(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    client = clients[venue]
    book = await client.fetch_order_book(BTC, 5)
    price = float(client.price_to_precision(BTC, book["asks"][0][0] * 1.001))
    order = await client.create_order(BTC, "limit", "sell", QUANTITY[venue], price)
    simulator.control("POST", "/control/dislocate", {"venue": venue, "symbol": "BTCUSDT", "bps": 25, "seconds": 1})
    for _ in range(30):
        filled = await client.fetch_order(order["id"], BTC)
        if filled["status"] == "closed":
            break
        await asyncio.sleep(0.1)
    trades = [trade for trade in await client.fetch_my_trades(BTC) if trade["order"] == order["id"]]
    assert (filled["status"], filled["average"]) == ("closed", price)
    assert {trade["takerOrMaker"] for trade in trades} == {"maker"}
    fee = sum(trade["fee"]["cost"] for trade in trades)
    assert fee == pytest.approx(0.02 * price * 0.0002, rel=1e-6)


@pytest.mark.parametrize("venue", VENUES)
async def test_fill_or_kill_takes_all_or_nothing(clients: dict[str, Any], venue: str) -> None:
    client = clients[venue]
    ask = (await client.fetch_order_book(BTC, 5))["asks"][0]
    size = client.amount_to_precision(BTC, ask[1] + QUANTITY[venue])
    await client.set_leverage(50, BTC)
    killed = await client.create_order(BTC, "limit", "buy", float(size), ask[0] * 1.0, {"timeInForce": "FOK"})
    order = await client.fetch_order(killed["id"], BTC)
    assert order["filled"] in (0, order["amount"])
    assert order["status"] in ("expired", "canceled") if order["filled"] == 0 else order["status"] == "closed"


@pytest.mark.parametrize("venue", VENUES)
async def test_own_fills_take_liquidity_away_until_the_market_redraws_it(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    """The touch may hold any quantity: the account has margin for all of it."""
    client = clients[venue]
    simulator.control("POST", "/control/transfer", {"venue": venue, "amount": 10_000_000})
    simulator.fault(venue, "stale_book", seconds=5)
    before = (await client.fetch_order_book(BTC, 5))["bids"][0]
    await client.set_leverage(50, BTC)
    first = await client.create_order(BTC, "limit", "sell", before[1], before[0], {"timeInForce": "IOC"})
    simulator.control("DELETE", "/control/faults")
    order = await client.fetch_order(first["id"], BTC)
    assert order["filled"] == pytest.approx(before[1])
    assert order["average"] >= before[0]


async def test_an_order_id_of_a_filled_order_finds_the_latest(clients: dict[str, Any]) -> None:
    client = clients["okx-perp"]
    ids = [
        (await client.create_order(BTC, "market", "buy", 1, None, {"clientOrderId": "reused1"}))["id"] for _ in range(2)
    ]
    assert (await client.fetch_order(None, BTC, {"clientOrderId": "reused1"}))["id"] == ids[1]
    assert (await client.fetch_order(ids[0], BTC))["id"] == ids[0]


async def test_a_partly_refused_batch_answers_code_two_without_an_exception(clients: dict[str, Any]) -> None:
    client = clients["okx-perp"]
    good = {
        "instId": "BTC-USDT-SWAP",
        "side": "buy",
        "ordType": "market",
        "sz": "1",
        "tdMode": "cross",
        "clOrdId": "good1",
    }
    answer = await client.privatePostTradeBatchOrders([good, {**good, "sz": "0.001", "clOrdId": "bad1"}])
    assert answer["code"] == "2"
    assert [row["sCode"] for row in answer["data"]] == ["0", "51020"]


@pytest.mark.parametrize(
    ("venue", "kind"),
    [("binance-um", "adl"), ("binance-um", "outside"), ("okx-perp", "adl"), ("okx-perp", "liquidation")],
)
async def test_what_happens_behind_the_program_s_back_is_named(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str, kind: str
) -> None:
    client = clients[venue]
    await client.create_order(BTC, "market", "buy", QUANTITY[venue])
    simulator.control("POST", "/control/trade", {"venue": venue, "symbol": "BTCUSDT", "kind": kind})
    assert simulator.rows("positions", venue) == []
    last = (await client.fetch_my_trades(BTC))[-1]
    order = await client.fetch_order(last["order"], BTC)
    marks = {
        "adl": ("adl_autoclose", "adl"),
        "outside": ("web_", "normal"),
        "liquidation": ("autoclose-", "full_liquidation"),
    }[kind]
    assert (
        order["clientOrderId"].startswith(marks[0]) if venue == "binance-um" else order["info"]["category"] == marks[1]
    )


def test_an_account_below_its_maintenance_margin_is_liquidated() -> None:
    with running_simulator(seed=5, dislocate_every=0, balance=200) as simulator:
        client = ccxt.binanceusdm(simulator.ccxt("binance-um"))
        client.load_markets()
        client.set_leverage(100, BTC)
        client.create_order(BTC, "market", "buy", 0.1)
        liquidation = client.fetch_positions([BTC])[0]["liquidationPrice"]
        entry = client.fetch_positions([BTC])[0]["entryPrice"]
        simulator.control("POST", "/control/transfer", {"venue": "binance-um", "amount": "-170"})
        wait_until(lambda: not client.fetch_positions([BTC]))
        orders = client.fetch_orders(BTC)
        assert 0 < liquidation < entry
        assert orders[-1]["clientOrderId"].startswith("autoclose-")
        assert Decimal(simulator.rows("balances", "binance-um")[0]["wallet"]) >= 0


def wait_until(holds: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"


async def test_history_endpoints_answer_an_unmodified_ccxt(clients: dict[str, Any]) -> None:
    for client in clients.values():
        bars = await client.fetch_ohlcv(BTC, "5m", None, 50)
        rates = await client.fetch_funding_rate_history(BTC, None, 10)
        ticker = await client.fetch_ticker(BTC)
        trades = await client.fetch_trades(BTC, None, 20)
        assert len(bars) == 50
        assert [bar[0] for bar in bars] == sorted({bar[0] for bar in bars})
        assert all(bar[3] <= min(bar[1], bar[4]) <= max(bar[1], bar[4]) <= bar[2] for bar in bars)
        assert len(rates) == 10
        assert ticker["baseVolume"] > 0
        assert trades


async def test_permissions_say_trade_without_withdrawal(clients: dict[str, Any]) -> None:
    restrictions = await clients["binance-um"].sapiGetAccountApiRestrictions()
    config = (await clients["okx-perp"].privateGetAccountConfig())["data"][0]
    assert (restrictions["enableFutures"], restrictions["enableWithdrawals"]) == (True, False)
    assert (config["perm"], config["posMode"], config["acctLv"]) == ("read_only,trade", "net_mode", "2")


def test_the_synchronous_ccxt_trades_as_well(simulator: SimulatorHandle) -> None:
    for venue, name in (("binance-um", "binanceusdm"), ("okx-perp", "okx")):
        client = getattr(ccxt, name)(simulator.ccxt(venue))
        client.load_markets()
        placed = client.create_order(BTC, "market", "buy", QUANTITY[venue])
        assert client.fetch_order(placed["id"], BTC)["status"] == "closed"
        client.create_order(BTC, "market", "sell", QUANTITY[venue], None, {"reduceOnly": True})


def test_synthetic_symbols_can_be_listed_by_the_hundred() -> None:
    with running_simulator(extra_symbols=200, dislocate_every=0) as simulator:
        client = ccxt.okx(simulator.ccxt("okx-perp"))
        assert len([one for one in client.load_markets().values() if one["swap"]]) == 212
        assert len(client.fetch_tickers()) == 212
