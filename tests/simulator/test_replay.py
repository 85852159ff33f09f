"""Every recorded format replays, through unmodified ccxt and ccxt.pro where the format is one of streams."""

import asyncio
import csv
import gzip
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.simulator.conftest import BTC, IDS, stream_client
from tests.simulator.server import SimulatorHandle, running_simulator
from trading.simulator.book import Book, BookUpdate, Distortion
from trading.simulator.instruments import BINANCE, OKX
from trading.simulator.replay.feed import CaptureFeed, Extras
from trading.simulator.replay.library import Library, Source
from trading.simulator.replay.window import Window


@pytest.fixture(scope="module")
def everything(shared_data: Path) -> Iterator[SimulatorHandle]:
    """All recordings at once, as RECORDING=../shared/data runs them."""
    with running_simulator(replay=shared_data) as handle:
        yield handle


@pytest.fixture(scope="module")
def captures(shared_data: Path) -> Iterator[SimulatorHandle]:
    """The raw captures alone, five times as fast."""
    with running_simulator(replay=shared_data / "raw_ws", speed=5) as handle:
        yield handle


@pytest.fixture(scope="module")
def captured(shared_data: Path) -> Library:
    """What the raw captures hold: reading them takes seconds."""
    return Library(shared_data / "raw_ws", "okx", None)


def label(simulator: SimulatorHandle, venue: str, symbol: str) -> str:
    rows = simulator.control("GET", "/control/state")["symbols"]
    return next(row["market"] for row in rows if (row["venue"], row["symbol"]) == (venue, symbol))


async def watched(client: Any, symbol: str, wanted: int) -> int:
    """Watches so many updates of one book, each uncrossed; a gap in the sequence raises."""
    for _ in range(wanted):
        book = await client.watch_order_book(symbol)
        assert not book["bids"] or not book["asks"] or book["bids"][0][0] < book["asks"][0][0]
    return wanted


async def watch_all(simulator: SimulatorHandle, venue: str, symbols: list[str], wanted: int) -> list[int]:
    client = stream_client(simulator, venue, watchOrderBookLimit=100)
    try:
        await client.load_markets()
        return await asyncio.wait_for(asyncio.gather(*(watched(client, one, wanted) for one in symbols)), 90)
    finally:
        await client.close()


async def test_the_binance_frames_of_2021_replay_without_a_gap(captures: SimulatorHandle) -> None:
    symbols = [f"{base}/USDT:USDT" for base in ("SUSHI", "AKRO", "KEEP", "CTK")]
    assert await watch_all(captures, BINANCE, symbols, 60) == [60] * 4


async def test_the_binance_frames_of_2024_replay_without_a_gap(shared_data: Path) -> None:
    recording = shared_data / "raw_ws" / "binance_usdm_20240808_BTCUSDT_first120s.jsonl.gz"
    with running_simulator(replay=recording, speed=2) as simulator:
        assert "captured frames" in label(simulator, BINANCE, "BTCUSDT")
        assert await watch_all(simulator, BINANCE, [BTC], 40) == [40]


async def test_the_okx_frames_of_2021_and_2022_replay_without_a_gap(captures: SimulatorHandle) -> None:
    assert await watch_all(captures, OKX, ["XMR/USDT:USDT", "UNI/USD:UNI"], 60) == [60] * 2


def chosen_of(library: Library, symbol: str, venue: str) -> tuple[Source, Window]:
    return next(
        (source, window)
        for source, window in library.chosen()
        if (source.instrument.symbol, source.venue) == (symbol, venue)
    )


@pytest.mark.parametrize(
    ("symbol", "venue"), [("SUSHIUSDT", BINANCE), ("CTKUSDT", BINANCE), ("XMRUSDT", OKX), ("UNI-USD-SWAP", OKX)]
)
def test_a_looping_capture_stays_one_uncrossed_chain(captured: Library, symbol: str, venue: str) -> None:
    source, window = chosen_of(captured, symbol, venue)
    feed = CaptureFeed(source.instrument, source.content.depth, source.label, Extras())  # type: ignore[union-attr]
    book, updates = Book(source.instrument, feed, Distortion()), list[BookUpdate]()
    book.listeners.append(lambda _, update: updates.append(update))
    rebuilt: dict[str, dict[int, int]] = {"bids": {}, "asks": {}}
    for tenth in range(int(window.length_ms / 100 * 2.5)):
        book.refresh(tenth / 10, tenth * 100, 0)
        assert book.bids[0][0] < book.asks[0][0]
    for before, after in pairwise(updates):
        assert after.previous_id == before.last_id < after.first_id <= after.last_id
    for update in updates:
        for side, levels in (("bids", update.bids), ("asks", update.asks)):
            rebuilt[side].update(dict(levels))
    assert {price: size for price, size in rebuilt["bids"].items() if size} == dict(book.bids)
    assert {price: size for price, size in rebuilt["asks"].items() if size} == dict(book.asks)
    assert len(updates) > 150


def final_book(path: Path, instrument: str) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
    """The book after all frames of an OKX capture, worked out from the file alone."""
    sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    with gzip.open(path, "rt") as file:
        messages = [json.loads(json.loads(line).get("msg", "null")) for line in file]
    for message in messages:
        if not message or message.get("arg", {}).get("instId") != instrument or "action" not in message:
            continue
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            if message["action"] == "snapshot":
                side.clear()
            for price, size, *_ in message["data"][0][name]:
                side[Decimal(price)] = Decimal(size)
    return tuple({price: size for price, size in side.items() if size} for side in sides)  # type: ignore[return-value]


def test_a_captured_book_ends_as_the_capture_does(shared_data: Path, captured: Library) -> None:
    source, window = chosen_of(captured, "XMRUSDT", OKX)
    feed = CaptureFeed(source.instrument, source.content.depth, source.label, Extras())  # type: ignore[union-attr]
    last = list(feed.frames(window.length_ms / 1000 - 0.001))[-1]
    bids, asks = final_book(
        shared_data / "raw_ws" / "okx_20210722_XMR-USDT-SWAP_and_others_tbt.jsonl.gz", "XMR-USDT-SWAP"
    )
    one = source.instrument
    assert {one.price(price): one.to_venue(one.quantity(size)) for price, size in last.bids} == bids
    assert {one.price(price): one.to_venue(one.quantity(size)) for price, size in last.asks} == asks


def test_recorded_quotes_of_both_venues_stand_at_their_recorded_second(
    shared_data: Path, everything: SimulatorHandle
) -> None:
    with gzip.open(shared_data / "quotes" / "binance_usdm_BTCUSDT_quotes_1s_20260101.csv.gz", "rt") as file:
        recorded = [row for _, row in zip(range(600), csv.DictReader(file), strict=False)]
    clients = {venue: getattr(ccxt, IDS[venue])(everything.ccxt(venue)) for venue in IDS}
    at = everything.control("GET", "/control/state")["clock"]["market_seconds"]
    books = {venue: client.fetch_order_book(BTC, 5) for venue, client in clients.items()}
    labels = {venue: label(everything, venue, "BTCUSDT") for venue in IDS}
    near = recorded[max(0, int(at) - 3) : int(at) + 30]
    top = books[BINANCE]["bids"][0]
    assert any(
        (float(row["bid_price"]), float(row["bid_amount"])) == (top[0], pytest.approx(top[1], abs=0.001))
        for row in near
    )
    assert "recorded quotes" in labels[BINANCE]
    assert "DERIVED" in labels[OKX]
    assert abs(books[OKX]["bids"][0][0] / top[0] - 1) < 0.0006
    assert abs(books[BINANCE]["timestamp"] / 1000 - time.time()) < 10  # shifted to now


def test_candles_of_both_venues_keep_their_recorded_basis(shared_data: Path) -> None:
    library = Library(shared_data / "candles", "okx", None)
    sources = {(source.instrument.symbol, source.venue): source for source, _ in library.chosen()}
    assert set(sources) == {(symbol, venue) for symbol in ("BTCUSDT", "ETHUSDT") for venue in IDS}
    for symbol in ("BTCUSDT", "ETHUSDT"):
        low, high = sources[(symbol, BINANCE)], sources[(symbol, OKX)]
        basis = []
        for at_ms in low.content.times[::97]:  # type: ignore[union-attr]
            prices = [
                one.content.ladders[one.content.at(at_ms)].mid * float(one.instrument.tick) for one in (low, high)
            ]  # type: ignore[union-attr]
            basis.append((prices[1] / prices[0] - 1) * 1e4)
        assert 3 < sorted(basis)[len(basis) // 2] < 7  # measured: +4.8 (BTC), +5.1 (ETH)
        assert max(map(abs, basis)) < 40


def test_ten_level_books_of_two_venues_replay_side_by_side(shared_data: Path) -> None:
    with running_simulator(replay=shared_data / "books") as simulator:
        books = {
            venue: getattr(ccxt, IDS[venue])(simulator.ccxt(venue)).fetch_order_book("LINK/USDT:USDT", 10)
            for venue in IDS
        }
        assert "SPOT" in label(simulator, OKX, "LINKUSDT")
        assert "huobi" in label(simulator, OKX, "LINKUSDT")
    assert abs(books[OKX]["bids"][0][0] / books[BINANCE]["bids"][0][0] - 1) < 0.002


def test_funding_rates_are_the_recorded_ones(shared_data: Path, everything: SimulatorHandle) -> None:
    with (shared_data / "funding" / "binance_usdm_ETHUSDT_funding.csv").open() as file:
        recorded = {float(row["funding_rate"]) for row in csv.DictReader(file)}
    client = ccxt.binanceusdm(everything.ccxt(BINANCE))
    assert client.fetch_funding_rate("ETH/USDT:USDT")["fundingRate"] in recorded


def test_a_symbol_that_nobody_recorded_is_labelled_as_modelled(everything: SimulatorHandle) -> None:
    state = everything.control("GET", "/control/state")
    assert label(everything, BINANCE, "SOLUSDT") == "model"
    assert state["market"] == "replay"
    assert "ADAUSDT" not in {row["symbol"] for row in state["symbols"]}


def own_recording(folder: Path) -> None:
    """What PropBot's recorder writes: the venues' frames as received."""
    now = int(time.time() * 1000)
    binance, okx = [], []
    for step in range(60):
        bid = 88_000 + step
        ticker = {
            "e": "bookTicker",
            "u": step,
            "s": "BTCUSDT",
            "b": str(bid),
            "B": "2.5",
            "a": f"{bid}.1",
            "A": "3",
            "T": now,
            "E": now + step * 500,
        }
        rows = {
            "asks": [[f"{bid + 40}.1", "700", "0", "3"]],
            "bids": [[f"{bid + 40}", "600", "0", "3"]],
            "ts": str(now + step * 500),
            "seqId": step,
        }
        binance.append({"t": now / 1000, "dir": "in", "msg": json.dumps(ticker), "url": "ws://x/public/ws/0"})
        okx.append(
            {
                "t": now / 1000,
                "dir": "in",
                "msg": json.dumps({"arg": {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"}, "data": [rows]}),
                "url": "ws://x",
            }
        )
    for name, lines in (("binance-um_20261122.jsonl", binance), ("okx-perp_20261122.jsonl.gz", okx)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())


def test_propbot_s_own_recordings_replay(tmp_path: Path) -> None:
    own_recording(tmp_path)
    with running_simulator(replay=tmp_path) as simulator:
        books = {venue: getattr(ccxt, IDS[venue])(simulator.ccxt(venue)).fetch_order_book(BTC, 5) for venue in IDS}
    bid = books[BINANCE]["bids"][0]
    assert 88_000 <= bid[0] <= 88_060
    assert bid[1] == 2.5
    assert books[OKX]["bids"][0][1] == 600
    assert books[OKX]["bids"][0][0] - bid[0] in (39, 40, 41)


def test_a_directory_without_recordings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did not start"), running_simulator(replay=tmp_path):
        pass
