"""What a venue answers is a proper number or no answer: every figure of every read is spoiled, one at a time.

The figures are found, not listed: each leaf of what the simulator really answers that looks like a number is replaced
by something that is none. Then the read fails by name, or tells exactly what it told before (the figure is not used).
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.venues.conftest import client as client
from tests.venues.conftest import simulator as simulator
from tests.venues.conftest import simulator_process as simulator_process
from tests.venues.orders import order
from trading.venues import frames
from trading.venues.base import ClockSample, OutcomeKind, VenueError
from trading.venues.ccxt_client import CcxtClient
from trading.venues.parsing import FieldError
from trading.venues.wire import HttpAnswer

NUMBERS = (
    "NaN", "nan", "sNaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "1" * 39, "0x10", "1_000",
    "\uff11", " 1", "1,5", float("nan"), float("inf"), 10**400, -(10**400), 1.5, [1], {"value": 1},
)  # fmt: skip
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
SYMBOL = "BTCUSDT"
Read = Callable[[CcxtClient], Any]
READS: dict[str, Read] = {
    "fetch_open_orders": lambda venue: venue.fetch_open_orders(SYMBOL),
    "fetch_fills": lambda venue: venue.fetch_fills(SYMBOL, datetime.now(UTC) - timedelta(hours=1)),
    "fetch_positions": lambda venue: venue.fetch_positions(),
    "fetch_account": lambda venue: venue.fetch_account(),
    "fetch_ledger": lambda venue: venue.fetch_ledger(datetime.now(UTC) - timedelta(hours=1)),
    "fetch_instruments": lambda venue: venue.fetch_instruments(),
    "fetch_max_leverages": lambda venue: venue.fetch_max_leverages(),
    "fetch_fee": lambda venue: venue.fetch_fee(SYMBOL),
    "fetch_funding": lambda venue: venue.fetch_funding([SYMBOL]),
    "fetch_quotes": lambda venue: venue.fetch_quotes([SYMBOL]),
    "fetch_marks": lambda venue: venue.fetch_marks([SYMBOL]),
    "fetch_book": lambda venue: venue.fetch_book(SYMBOL, 5),
    "fetch_volumes": lambda venue: venue.fetch_volumes([SYMBOL]),
    "fetch_status": lambda venue: venue.fetch_status(),
    "measure_clock": lambda venue: venue.measure_clock(),
}
# Read by an id of one order, below; the cause is a word.
BY_ORDER = {"fetch_order", "fetch_cause"}
# Ids are texts at OKX: any short one is an id, and a long or unprintable one is none. A bill's type is a word.
IDS, WORDS = {"ordId", "tradeId", "billId"}, {"type"}
NOT_OURS = {"received_at", "read_at", "taken_at"}


def looks_like_a_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        try:
            return Decimal(value).is_finite()
        except ArithmeticError:
            return False
    return isinstance(value, int | float)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to every figure. Rows of one list are alike: the first two speak for all."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:2]):
            yield from leaves(item, (*path, index))
    elif looks_like_a_number(value):
        yield path


def no_number_for(path: tuple[Any, ...]) -> list[Any]:
    if path[-1] in WORDS:
        return []
    return [bad for bad in NUMBERS if path[-1] not in IDS or not isinstance(bad, str) or len(bad) > 64]


def spoiled(document: Any, path: tuple[Any, ...], bad: object) -> Any:
    changed = deepcopy(document)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = bad
    return changed


def plain(value: Any) -> Any:
    """Without the moments of our own clock; a clock sample is compared by its kind, for time goes on."""
    if isinstance(value, ClockSample):
        return abs(value.skew_ms) < 60_000
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name not in NOT_OURS}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


class Replay:
    """The venue's answers in their order: recorded once, then told again with one figure spoiled."""

    def __init__(self, client: CcxtClient) -> None:
        assert client._wire is not None
        self.wire, self.told, self.spoilt, self.asked = client._wire, [], {}, 0  # type: ignore[var-annotated]
        self.ask = self.wire.call

    async def record(self, method: str, *arguments: Any, weight: float = 1.0) -> Any:
        answer = await self.ask(method, *arguments, weight=weight)
        if method == "load_markets":
            answer = {name: market for name, market in answer.items() if name.startswith("BTC/")}
        self.told.append(deepcopy(answer))
        return answer

    async def tell(self, method: str, *arguments: Any, weight: float = 1.0) -> Any:
        answer = self.spoilt.get(self.asked, self.told[self.asked])
        self.asked += 1
        return deepcopy(answer)

    async def again(self, read: Read, client: CcxtClient, spoilt: dict[int, Any]) -> Any:
        self.spoilt, self.asked = spoilt, 0
        self.wire.call = self.tell  # type: ignore[method-assign]
        try:
            return plain(await read(client))
        except VenueError:
            return "refused"


def part_of(found: Any, whole: Any) -> bool:
    """An instrument that cannot be read is left out; the others stay as they are."""
    return all(item in whole for item in found) if isinstance(found, list) else bool(found == whole)


async def traded(client: CcxtClient) -> str:
    """A filled order, so that there are fills, a position and rows in the venue's ledger."""
    asked = order()
    assert (await client.submit(asked)).kind == OutcomeKind.ACCEPTED
    return asked.client_order_id


async def every_figure_is_refused_or_unused(client: CcxtClient, name: str, read: Read) -> int:
    replay = Replay(client)
    replay.wire.call = replay.record  # type: ignore[method-assign]
    try:
        whole = plain(await read(client))
        tried = 0
        for number, answer in enumerate(replay.told):
            for path in leaves({"answer": answer}):
                for bad in no_number_for(path):
                    changed = spoiled({"answer": answer}, path, bad)["answer"]
                    found = await replay.again(read, client, {number: changed})
                    fine = found == "refused" or found == whole
                    if name == "fetch_instruments":
                        fine = fine or part_of(found, whole)
                    assert fine, (name, path, str(bad)[:20], found)
                    tried += 1
        return tried
    finally:
        replay.wire.call = replay.ask  # type: ignore[method-assign]


async def test_no_figure_of_any_read_is_taken_for_what_it_is_not(client: CcxtClient) -> None:
    named = await traded(client)
    resting = order(time_in_force="gtc", limit_price=Decimal(20000), quantity=Decimal("0.01"))
    await client.submit(resting)
    reads = {**READS, "fetch_order": lambda venue: venue.fetch_order(SYMBOL, named)}
    tried = {name: await every_figure_is_refused_or_unused(client, name, read) for name, read in reads.items()}
    await client.cancel(SYMBOL, resting.client_order_id)
    without = {name for name, count in tried.items() if not count}
    # Maintenance is a word; OKX tells the highest leverage with the instrument.
    assert without <= {"fetch_status", "fetch_max_leverages"}, without


def test_every_read_of_a_venue_is_tried() -> None:
    reads = {name for name in vars(CcxtClient) if name.startswith(("fetch_", "measure_"))}
    assert reads == set(READS) | BY_ORDER


async def test_an_answer_to_an_order_with_a_bad_figure_proves_no_such_fill(client: CcxtClient) -> None:
    """Either the figure is not used, or the order's state is not taken from it; never another quantity or price."""
    sent: list[HttpAnswer] = []
    asked = order()
    await client._open()
    assert client._wire is not None
    mutate = client._wire.mutate

    async def record(*arguments: Any, **named: Any) -> HttpAnswer:
        sent.append(await mutate(*arguments, **named))
        return sent[-1]

    client._wire.mutate = record  # type: ignore[method-assign]
    whole = plain(await client.submit(asked))
    document = json.loads(sent[0].body)
    for path in leaves(document):
        for bad in no_number_for(path):
            answer = replace(sent[0], body=json.dumps(spoiled(document, path, bad)))

            async def again(*_: Any, answer: HttpAnswer = answer, **__: Any) -> HttpAnswer:
                return answer

            client._wire.mutate = again  # type: ignore[method-assign]
            outcome = await client.submit(replace(asked, expires_at=datetime.now(UTC) + timedelta(seconds=60)))
            if outcome.order is not None:
                assert plain(outcome.order) == whole["order"], (path, str(bad)[:20])
            else:
                assert outcome.kind in (OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED), (path, str(bad)[:20])
    client._wire.mutate = mutate  # type: ignore[method-assign]


FRAMES: dict[str, list[dict[str, Any]]] = {
    "binance": [
        {"e": "bookTicker", "s": SYMBOL, "b": "1", "B": "2", "a": "3", "A": "4", "u": 7, "T": 1767225600000, "E": 1767225600001},
        {"e": "markPriceUpdate", "s": SYMBOL, "p": "5", "i": "6", "r": "0.0001", "T": 1767225600000, "E": 1767225600001},
    ],
    "okx": [
        {"arg": {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"}, "data": [{"bids": [["1", "2", "0", "1"]], "asks": [["3", "4", "0", "1"]], "ts": "1767225600000", "seqId": 5}]},
        {"arg": {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}, "data": [{"markPx": "5", "ts": "1767225600000"}]},
        {"arg": {"channel": "funding-rate", "instId": "BTC-USDT-SWAP"}, "data": [{"fundingRate": "0.0001", "fundingTime": "1767225600000", "nextFundingTime": "1767254400000"}]},
    ],
}  # fmt: skip


async def test_no_figure_of_a_stream_is_taken_for_what_it_is_not(client: CcxtClient) -> None:
    await client._open()
    dialect = "binance" if client.venue.startswith("binance") else "okx"
    at = datetime.now(UTC)
    read = frames.READERS[dialect]
    for frame in FRAMES[dialect]:
        whole = plain(list(read(frame, client._listings, at)))
        assert whole
        for path in leaves(frame):
            for bad in NUMBERS:
                try:
                    found = plain(list(read(spoiled(frame, path, bad), client._listings, at)))
                except FieldError:
                    continue
                assert found == whole, (path, str(bad)[:20])
