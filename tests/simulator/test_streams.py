"""The streams as unmodified ccxt.pro sees them, and what stream faults do to them."""

import asyncio
import hashlib
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import aiohttp
import orjson
import pytest

from tests.simulator.conftest import BTC, stream_client
from tests.simulator.server import SimulatorHandle

VENUES = ("binance-um", "okx-perp")
QUANTITY = {"binance-um": 0.01, "okx-perp": 1}


@asynccontextmanager
async def streaming(simulator: SimulatorHandle, venue: str) -> AsyncIterator[Any]:
    client = stream_client(simulator, venue)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def user_stream(simulator: SimulatorHandle, venue: str, client: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """The raw messages of the account's own stream."""
    base, seen = simulator.url.replace("http", "ws"), []
    async with aiohttp.ClientSession() as session:
        if venue == "binance-um":
            key = (await client.fapiPrivatePostListenKey())["listenKey"]
            socket = await session.ws_connect(f"{base}/private/ws?listenKey={key}")
        else:
            socket = await session.ws_connect(f"{base}/ws/v5/private")
            stamp = str(int(time.time()))
            sign = client.hmac(f"{stamp}GET/users/self/verify".encode(), b"simsecret", hashlib.sha256, "base64")
            await socket.send_json(
                {
                    "op": "login",
                    "args": [{"apiKey": "simkey", "passphrase": "simpass", "timestamp": stamp, "sign": sign}],
                }
            )
            await socket.send_json({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})
            assert [(await socket.receive_json())["event"] for _ in range(2)] == ["login", "subscribe"]

        async def read() -> None:
            async for message in socket:
                seen.append(orjson.loads(message.data))  # noqa: PERF401 - the list is read while it grows

        reader = asyncio.create_task(read())
        yield seen
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader


async def until(holds: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)


def trades(seen: list[dict[str, Any]]) -> list[str]:
    """Ids of the executions told, in the order in which they came."""
    binance = [str(one["o"]["t"]) for one in seen if one.get("e") == "ORDER_TRADE_UPDATE" and one["o"]["x"] == "TRADE"]
    rows = [row for one in seen if one.get("arg", {}).get("channel") == "orders" for row in one.get("data", [])]
    return binance + [row["tradeId"] for row in rows if row["tradeId"]]


@pytest.mark.parametrize("venue", VENUES)
async def test_account_messages_tell_fill_position_and_balance(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    async with streaming(simulator, venue) as client:
        tasks = [
            asyncio.create_task(one)
            for one in (client.watch_my_trades(BTC), client.watch_balance(), client.watch_positions([BTC]))
        ]
        deadline = time.monotonic() + 10
        while not all(task.done() for task in tasks):
            await clients[venue].create_order(BTC, "market", "buy", QUANTITY[venue])
            await asyncio.wait(tasks, timeout=0.5)
            assert time.monotonic() < deadline
        fills, balance, positions = (task.result() for task in tasks)
    # ccxt hands on OKX's raw sign in this one method: a charge is negative there, positive everywhere else
    assert fills[-1]["fee"]["cost"] * {"binance-um": 1, "okx-perp": -1}[venue] > 0
    assert 0 < balance["USDT"]["total"] < 200_000
    assert positions[-1]["contracts"] > 0


@pytest.mark.parametrize("venue", VENUES)
async def test_mark_price_and_tickers_stream(simulator: SimulatorHandle, venue: str) -> None:
    async with streaming(simulator, venue) as client:
        mark, ticker, best = await asyncio.wait_for(
            asyncio.gather(client.watch_mark_price(BTC), client.watch_ticker(BTC), client.watch_bids_asks([BTC])), 10
        )
    assert mark["markPrice"] == pytest.approx(ticker["last"], rel=0.001)
    assert best[BTC]["bid"] < best[BTC]["ask"]


async def test_funding_rates_stream_on_okx(simulator: SimulatorHandle) -> None:
    async with streaming(simulator, "okx-perp") as client:
        rate = await asyncio.wait_for(client.watch_funding_rate(BTC), 10)
    assert abs(rate["fundingRate"]) < 0.01


@pytest.mark.parametrize("venue", VENUES)
async def test_a_duplicated_event_comes_twice(simulator: SimulatorHandle, clients: dict[str, Any], venue: str) -> None:
    async with user_stream(simulator, venue, clients[venue]) as seen:
        simulator.fault(venue, "duplicate_event", times=20)
        await clients[venue].create_order(BTC, "market", "buy", QUANTITY[venue])
        await until(lambda: len(trades(seen)) == 2)
        assert len(set(trades(seen))) == 1


@pytest.mark.parametrize("venue", VENUES)
async def test_a_reordered_event_comes_after_the_next(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    async with user_stream(simulator, venue, clients[venue]) as seen:
        simulator.fault(venue, "reorder_events")
        await clients[venue].create_order(BTC, "market", "buy", QUANTITY[venue])
        states = {
            "binance-um": lambda: [one["o"]["X"] for one in seen if one.get("e") == "ORDER_TRADE_UPDATE"],
            "okx-perp": lambda: [row["state"] for one in seen for row in one.get("data", [])],
        }[venue]
        await until(lambda: len(states()) == 2)
        assert [state.lower() for state in states()] == ["filled", {"binance-um": "new", "okx-perp": "live"}[venue]]


@pytest.mark.parametrize("venue", VENUES)
async def test_a_muted_stream_stays_connected_and_says_nothing(
    simulator: SimulatorHandle, clients: dict[str, Any], venue: str
) -> None:
    client = clients[venue]
    async with user_stream(simulator, venue, client) as seen:
        simulator.fault(venue, "mute_stream")
        await client.create_order(BTC, "market", "buy", QUANTITY[venue])
        simulator.control("DELETE", "/control/faults")
        await client.create_order(BTC, "market", "sell", QUANTITY[venue], None, {"reduceOnly": True})
        await until(lambda: len(trades(seen)) > 0)
        told = [trade["id"] for trade in (await client.fetch_my_trades(BTC))[-2:]]
        assert trades(seen) == told[1:]


async def test_depth_differences_rebuild_the_book_that_rest_shows(
    simulator: SimulatorHandle, clients: dict[str, Any]
) -> None:
    """The venue's own rule: first event with U <= lastUpdateId <= u, then pu equals the previous u."""
    base = simulator.url.replace("http", "ws")
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{base}/public/ws/0")
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1})
        snapshot = await clients["binance-um"].fapiPublicGetDepth({"symbol": "BTCUSDT", "limit": 1000})
        events = []
        while len(events) < 25:
            message = await socket.receive_json()
            events += [message] if message.get("e") == "depthUpdate" else []
        later = await clients["binance-um"].fapiPublicGetDepth({"symbol": "BTCUSDT", "limit": 1000})
        while events[-1]["u"] < int(later["lastUpdateId"]) - 1:
            events.append(await socket.receive_json())
    used = [
        one for one in events if one["u"] >= int(snapshot["lastUpdateId"]) and one["u"] < int(later["lastUpdateId"])
    ]
    assert used[0]["U"] <= int(snapshot["lastUpdateId"]) <= used[0]["u"]
    assert all(after["pu"] == before["u"] for before, after in pairwise(used))
    for side, name in (("bids", "b"), ("asks", "a")):
        book = dict(snapshot[side])
        for event in used:
            book.update(dict(event[name]))
        assert {price: size for price, size in book.items() if float(size)} == dict(later[side])


async def test_okx_checksums_cover_the_best_25_levels(simulator: SimulatorHandle) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(simulator.url.replace("http", "ws") + "/ws/v5/public")
        await socket.send_json({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT-SWAP"}]})
        await socket.receive_json()
        row = (await socket.receive_json())["data"][0]
    pairs = zip(row["bids"][:25], row["asks"][:25], strict=True)
    text = ":".join(f"{bid[0]}:{bid[1]}:{ask[0]}:{ask[1]}" for bid, ask in pairs)
    assert row["checksum"] % (1 << 32) == zlib.crc32(text.encode())
    assert row["prevSeqId"] == -1


async def test_private_channels_need_a_login(simulator: SimulatorHandle) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(simulator.url.replace("http", "ws") + "/ws/v5/private")
        await socket.send_json({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})
        answer = await socket.receive_json()
        await socket.send_str("ping")
        pong = await socket.receive_str()
    assert (answer["event"], answer["code"], pong) == ("error", "60011", "pong")
