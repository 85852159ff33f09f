"""Writes the venues' frames as they came: one JSON object a line {"t", "dir", "msg", "url"}, gzipped.

The files hold public streams only, and no address of a private one: a feed has no keys. A file is
flushed every few seconds, so that a killed recorder loses no more than that; gzip readers take such a file
up to its last flushed block.
"""

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast

from trading.venues.base import FundingInfo, Mark, Quote
from trading.venues.ccxt_client import CcxtClient
from trading.venues.dialect import now
from trading.venues.feed import VenueFeed
from trading.venues.registry import build_client, build_feed, venue_ids, venue_spec

FLUSH_EVERY_SECONDS = 5.0
SNAPSHOTS = {
    "binance": ("/fapi/v1/exchangeInfo", "fapiPublicGetExchangeInfo", {}),
    "okx": ("/api/v5/public/instruments?instType=SWAP", "publicGetPublicInstruments", {"instType": "SWAP"}),
}


class FrameFile:
    """One venue's frames of one recording."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.count = 0
        self._clock = clock
        self._file = cast(TextIO, gzip.open(path, "wt", encoding="utf-8", compresslevel=5))  # noqa: SIM115 - closed by close()

    def write(self, direction: str, text: str, url: str) -> None:
        line = {"t": round(self._clock(), 6), "dir": direction, "msg": text, "url": url}
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.count += 1

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _NoSink:
    """The recorder wants the frames themselves, not what they say."""

    def on_quote(self, quote: Quote) -> None:
        """Nothing to do: the tap has it."""

    def on_mark(self, mark: Mark) -> None:
        """Nothing to do: the tap has it."""

    def on_funding(self, venue: str, funding: FundingInfo) -> None:
        """Nothing to do: the tap has it."""


def file_name(venue: str, at: datetime) -> str:
    return f"{venue}_{at:%Y%m%dT%H%M%SZ}.jsonl.gz"


async def record(out: Path, symbols: Sequence[str], stop: asyncio.Event) -> dict[str, int]:
    """Record every venue until ``stop``; the number of lines per venue."""
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    at = now()
    files = {venue: await asyncio.to_thread(FrameFile, out / file_name(venue, at)) for venue in venue_ids()}
    feeds = [_tapped(venue, symbols, file) for venue, file in files.items()]
    tasks = [asyncio.create_task(one) for one in (*(feed.run() for feed in feeds), _flush_on(list(files.values())))]
    try:
        for venue, file in files.items():
            await _write_markets(venue, file)
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for file in files.values():
            await asyncio.to_thread(file.close)
    return {venue: file.count for venue, file in files.items()}


def _tapped(venue: str, symbols: Sequence[str], file: FrameFile) -> VenueFeed:
    feed = build_feed(venue, _NoSink())
    feed.tap = file.write
    feed.watch(symbols)
    return feed


async def _write_markets(venue: str, file: FrameFile) -> None:
    """The instrument list belongs to a recording: without it nobody knows what a contract was."""
    asked = SNAPSHOTS.get(venue_spec(venue).quirks.dialect)
    if asked is None:
        return
    client: CcxtClient = build_client(venue, keys=False)
    try:
        name, method, params = asked
        document: Any = await client.raw(method, params)
        file.write("rest", json.dumps(document, separators=(",", ":")), name)
    finally:
        await client.close()


async def _flush_on(files: Sequence[FrameFile]) -> None:
    while True:
        await asyncio.sleep(FLUSH_EVERY_SECONDS)
        for file in files:
            await asyncio.to_thread(file.flush)
