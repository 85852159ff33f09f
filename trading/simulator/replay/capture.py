"""Raw WebSocket captures: jsonl lines {"t", "dir", "msg", "url"} of either venue, and PropBot's own recordings.

The captured book states are published one by one, a frame's levels as they were captured; sequence numbers are
the captured ones where they grow, so that a loop or an own fill never breaks the chain.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from trading.simulator.replay.series import opened

SideText = list[tuple[str, str]]
BOOK_CHANNELS = ("books", "books-l2-tbt", "books50-l2-tbt", "books-rpi")
TOP_CHANNELS = ("bbo-tbt", "books5", "tickers")


@dataclass
class Frame:
    """One captured message about a book: a snapshot replaces it, a difference changes it, a top is only its touch."""

    at_ms: int
    kind: str  # snapshot, update, top
    bids: SideText
    asks: SideText
    first_id: int = 0
    last_id: int = 0


@dataclass
class Captured:
    """What one capture holds of one instrument."""

    venue_id: str
    depth: list[Frame] = field(default_factory=list)
    tops: list[Frame] = field(default_factory=list)
    funding: list[tuple[int, float]] = field(default_factory=list)
    marks: list[tuple[int, float]] = field(default_factory=list)

    @property
    def has_depth(self) -> bool:
        return any(frame.kind == "snapshot" for frame in self.depth)

    def tick(self) -> Decimal:
        """The finest price grid that occurs: for instruments that no recorded list holds."""
        return finest(
            price for frame in (self.depth + self.tops)[:2000] for side in (frame.bids, frame.asks) for price, _ in side
        )

    def lot(self) -> Decimal:
        return finest(
            size for frame in (self.depth + self.tops)[:2000] for side in (frame.bids, frame.asks) for _, size in side
        )


def finest(texts: Iterator[str]) -> Decimal:
    places = max((len(text.partition(".")[2]) for text in texts), default=0)
    return Decimal(1).scaleb(-places)


def pairs(levels: Any) -> SideText:
    """Price and size as they were written; anything malformed is left out."""
    return [
        (str(one[0]), str(one[1]))
        for one in levels or []
        if isinstance(one, (list, tuple)) and len(one) >= 2 and numeric(one[0]) and numeric(one[1])
    ]


def numeric(text: object) -> bool:
    try:
        return Decimal(str(text)).is_finite()
    except InvalidOperation:
        return False


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Time, message and url of each line that holds data; a bare message without envelope is taken as one."""
    with opened(path) as file:
        for line in file:
            try:
                row = json.loads(line)
                message = json.loads(row["msg"]) if "msg" in row else row
            except (ValueError, KeyError, TypeError):
                continue
            if isinstance(message, dict) and row.get("dir", "in") in ("in", "rest"):
                yield int(float(row.get("t", 0)) * 1000), message, str(row.get("url", ""))


def captured_binance(path: Path) -> dict[str, Captured]:
    """By the venue's id, from combined or raw frames and REST depth bodies."""
    found: dict[str, Captured] = {}
    single: str | None = None
    for at_ms, message, url in lines(path):
        data = message.get("data", message)
        if not isinstance(data, dict):
            continue
        symbol = data.get("s") or symbol_of_url(url) or (single if "lastUpdateId" in data else None)
        if not symbol:
            continue
        single = symbol
        read_binance(found.setdefault(symbol, Captured(symbol)), data, at_ms)
    return found


def symbol_of_url(url: str) -> str | None:
    _, found, rest = url.partition("symbol=")
    return rest.partition("&")[0] if found and "depth" in url else None


def read_binance(into: Captured, data: dict[str, Any], at_ms: int) -> None:
    kind = data.get("e")
    stamp = int(data.get("E") or at_ms)
    if kind == "depthUpdate":
        into.depth.append(
            Frame(stamp, "update", pairs(data.get("b")), pairs(data.get("a")), int(data["U"]), int(data["u"]))
        )
    elif "lastUpdateId" in data:
        into.depth.append(
            Frame(stamp, "snapshot", pairs(data.get("bids")), pairs(data.get("asks")), 0, int(data["lastUpdateId"]))
        )
    elif kind == "bookTicker" or (kind is None and {"b", "B", "a", "A"} <= data.keys()):
        into.tops.append(Frame(stamp, "top", pairs([[data["b"], data["B"]]]), pairs([[data["a"], data["A"]]])))
    elif kind == "markPriceUpdate":
        into.marks.append((stamp, float(data["p"])))
        if numeric(data.get("r")) and data.get("T"):
            into.funding.append((int(data["T"]), float(data["r"])))


def captured_okx(path: Path) -> dict[str, Captured]:
    """By instId, from the channels' frames."""
    found: dict[str, Captured] = {}
    for at_ms, message, _ in lines(path):
        arg, data = message.get("arg"), message.get("data")
        if not isinstance(arg, dict) or not isinstance(data, list) or not arg.get("instId"):
            continue
        into = found.setdefault(str(arg["instId"]), Captured(str(arg["instId"])))
        for row in data:
            if isinstance(row, dict):
                read_okx(into, str(arg.get("channel")), message.get("action"), row, at_ms)
    return found


def read_okx(into: Captured, channel: str, action: str | None, row: dict[str, Any], at_ms: int) -> None:
    stamp = int(row.get("ts") or at_ms)
    if channel in BOOK_CHANNELS and action in ("snapshot", "update"):
        into.depth.append(
            Frame(stamp, action, pairs(row.get("bids")), pairs(row.get("asks")), 0, int(row.get("seqId") or 0))
        )
    elif channel == "tickers":
        bid, ask = pairs([[row.get("bidPx"), row.get("bidSz")]]), pairs([[row.get("askPx"), row.get("askSz")]])
        into.tops.append(Frame(stamp, "top", bid, ask))
    elif channel in TOP_CHANNELS:
        into.tops.append(Frame(stamp, "top", pairs(row.get("bids"))[:1], pairs(row.get("asks"))[:1]))
    elif channel == "funding-rate" and numeric(row.get("fundingRate")):
        into.funding.append((int(row["fundingTime"]), float(row["fundingRate"])))
    elif channel == "mark-price" and numeric(row.get("markPx")):
        into.marks.append((stamp, float(row["markPx"])))


def playable(frames: list[Frame], numbered: bool) -> list[Frame]:
    """The frames from the first snapshot on, in the order in which they came, with times that never fall.

    `numbered` (Binance): a REST snapshot lies somewhere inside the stream of differences; those that it already
    holds are left out, wherever they stand, and so are further snapshots. OKX's snapshots come in the stream itself.
    """
    first = next(index for index, frame in enumerate(frames) if frame.kind == "snapshot")
    snapshot, kept = frames[first], frames[first + 1 :]
    if numbered:
        kept = [frame for frame in frames if frame.kind == "update" and frame.last_id > snapshot.last_id]
    latest = snapshot.at_ms
    for frame in kept:
        latest = frame.at_ms = max(latest, frame.at_ms)
    return [snapshot, *kept]
