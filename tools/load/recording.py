"""Quotes at a chosen rate, as a recording that the venue simulator replays over both venues' own WebSocket protocols.

The recorded peak is that of the developers' captures (`raw_ws`): in the busiest second of BTCUSDT, 2024-08-08 23:54 to
23:56 UTC, Binance sent 571 best bids and asks (22,431 in 120 s); in the busiest of 2021-07-22 OKX sent 86 changes of
its fastest book. Sizes at the touch change with every frame and prices stand: what counts is how many quotes come.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PEAK_BINANCE, PEAK_OKX = 571, 86
TIMES_PEAK = 2.0
SECONDS = 20
STARTED_MS = 1_767_225_600_000
BINANCE_BID, OKX_BID = 600_000, 600_300  # in ticks of 0.1 USDT
LEVELS = 5
Line = tuple[str, dict[str, Any], str]
Levels = list[list[str]]


def _levels(bid: int, size: Callable[[int], str]) -> tuple[Levels, Levels]:
    bids = [[f"{(bid - n) / 10:.1f}", size(n)] for n in range(LEVELS)]
    return bids, [[f"{(bid + 1 + n) / 10:.1f}", size(n)] for n in range(LEVELS)]


def binance_lines(times: list[int]) -> Iterator[Line]:
    """A REST snapshot, then differences that each change both sides of the touch."""
    bids, asks = _levels(BINANCE_BID, lambda n: f"{10 + n}.000")
    yield "rest", {"lastUpdateId": 1, "E": times[0], "bids": bids, "asks": asks}, "/fapi/v1/depth?symbol=BTCUSDT"
    for number, at_ms in enumerate(times, start=2):
        size = f"{5 + number % 997 / 1000:.3f}"
        body = {"e": "depthUpdate", "E": at_ms, "T": at_ms, "s": "BTCUSDT", "U": number, "u": number, "pu": number - 1}
        yield "in", {**body, "b": [[bids[0][0], size]], "a": [[asks[0][0], size]]}, ""


def okx_lines(times: list[int]) -> Iterator[Line]:
    bids, asks = _levels(OKX_BID, lambda n: str(1000 + n))
    arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
    row = {"bids": bids, "asks": asks, "ts": str(times[0]), "seqId": 1}
    yield "in", {"arg": arg, "action": "snapshot", "data": [row]}, ""
    for number, at_ms in enumerate(times, start=2):
        size = str(500 + number % 997)
        row = {"bids": [[bids[0][0], size]], "asks": [[asks[0][0], size]], "ts": str(at_ms), "seqId": number}
        yield "in", {"arg": arg, "action": "update", "data": [row]}, ""


def write(folder: Path, *, times_peak: float = TIMES_PEAK, seconds: int = SECONDS) -> float:
    """Both venues' files, replayed in a loop; the quotes a second that they hold."""
    total = 0
    for name, peak, lines in (("binance_usdm", PEAK_BINANCE, binance_lines), ("okx", PEAK_OKX, okx_lines)):
        count = round(peak * times_peak * seconds)
        times = [STARTED_MS + number * seconds * 1000 // count for number in range(count)]
        with (folder / f"{name}_load.jsonl").open("w", encoding="utf-8") as file:
            for (direction, message, url), at_ms in zip(lines(times), [times[0], *times], strict=True):
                row = {"t": at_ms / 1000, "dir": direction, "msg": json.dumps(message), "url": url}
                file.write(json.dumps(row) + "\n")
        total += count
    return total / seconds
