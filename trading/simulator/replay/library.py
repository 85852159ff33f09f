"""Reads a directory of recordings and opens one book per venue and symbol that it holds.

Where several recordings of a symbol exist, those of both venues that overlap in time win, then the better kind:
quotes, captured frames, ten-level books, candles. All books of a symbol share one window and stay aligned.
"""

import gc
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trading.simulator.depth import DepthProfile
from trading.simulator.instruments import BINANCE, OKX, VENUES, Instrument
from trading.simulator.ladder import Feed, Ladder, Level
from trading.simulator.model import derived_seed
from trading.simulator.replay import series as readers
from trading.simulator.replay.capture import Captured, captured_binance, captured_okx, playable
from trading.simulator.replay.feed import CaptureFeed, Extras, SeriesFeed
from trading.simulator.replay.markets import Instruments, guessed, listing_of
from trading.simulator.replay.series import RecordingError, Series
from trading.simulator.replay.window import Window, common

if TYPE_CHECKING:
    from trading.simulator.build import Listed, Options

NAME = re.compile(
    r"^(?P<derived>DERIVED_)?(?P<source>binance_usdm|binance_spot|binance-um|binance|huobi_spot|okx-perp|okx|hyperliquid|krakenf)"
    r"_(?P<id>[A-Z0-9]+(?:-[A-Z0-9]+)*)_(?P<rest>.+)$"
)
INTERVAL = re.compile(r"(?:^|_)(\d+)([mh])(?:_|\.)")
RANK = {"quotes": 0, "frames": 1, "tops": 1, "books": 2, "candles": 3}
MINIMUM_STATES = 10
MODEL_FALLBACK = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@dataclass
class Source:
    """One recording of one book, read."""

    venue: str
    kind: str
    instrument: Instrument
    label: str
    content: Series | Captured
    window: Window

    @property
    def rank(self) -> int:
        return RANK[self.kind]


@dataclass(frozen=True)
class Named:
    """What a file's name says."""

    path: Path
    venue: str
    base: str
    source: str
    derived: bool
    kind: str
    minutes: int

    @property
    def venue_id(self) -> str:
        return f"{self.base}USDT" if self.venue == BINANCE else f"{self.base}-USDT-SWAP"


def named(path: Path, okx_from: str) -> Named | None:
    """None for what is no recording of a book, or of another venue than the chosen ones."""
    match = NAME.match(path.name)
    if match is None:
        return None
    source, kind = match["source"], kind_of(path.name)
    venue = BINANCE if source.startswith("binance") else OKX
    wanted = source.startswith("binance") or source == "huobi_spot" or source.partition("-")[0] == okx_from
    interval = INTERVAL.search(match["rest"])
    if kind is None or (not wanted and kind in ("quotes", "candles")):
        return None
    base = re.sub(r"-?(USDT|USDC|USD)(-SWAP)?$", "", match["id"])
    minutes = int(interval[1]) * (60 if interval[2] == "h" else 1) if interval else 1
    return Named(path, venue, base, source, bool(match["derived"]), kind, minutes)


def kind_of(name: str) -> str | None:
    for mark, kind in (("_quotes", "quotes"), ("_10lv", "books"), ("_funding", "funding"), ("_mark_", "marks")):
        if mark in name and ".csv" in name:
            return kind
    return "candles" if ".csv" in name and INTERVAL.search(name) else None


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]


def label_of(one: Named) -> str:
    """What is recorded and what is not, in words for whoever sees the prices."""
    words = {
        "quotes": "replay: recorded quotes, depth behind the touch modelled",
        "books": "replay: recorded ten-level SPOT books",
        "candles": "replay: recorded candles, path inside a bar, spread and sizes modelled",
    }[one.kind]
    if one.derived:
        words = "replay: DERIVED quotes (recorded minute basis over Binance's seconds), depth modelled"
    foreign = one.source in ("huobi_spot", "hyperliquid", "krakenf")
    return f"{words}; of {one.source} in OKX's protocol" if foreign else words


def day_of(at_ms: int) -> int:
    return int(datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%d"))


class Library:
    """Everything that was found, by symbol and venue."""

    def __init__(self, root: Path, okx_from: str, symbols: list[str] | None) -> None:
        if not root.exists():
            raise RecordingError(f"no recordings at {root}")
        self._root, self._okx_from, self._symbols = root, okx_from, symbols
        self._instruments = Instruments(root)
        self._captures: dict[tuple[str, str], Captured] = {}
        self.sources: dict[str, list[Source]] = defaultdict(list)
        self.extras: dict[tuple[str, str], Extras] = defaultdict(Extras)
        self._read()

    def _wanted(self, symbol: str) -> bool:
        return self._symbols is None or symbol in self._symbols

    def _read(self) -> None:
        groups: dict[tuple[str, str, str, int, bool], list[Named]] = defaultdict(list)
        for path in files(self._root):
            one = named(path, self._okx_from)
            if one is not None and self._wanted(f"{one.base}USDT"):
                groups[(one.venue, one.venue_id, one.kind, one.minutes, one.derived)].append(one)
            elif ".jsonl" in path.name and path.parent.name != "messages":
                self._read_capture(path)
        for group in groups.values():
            self._read_group(group)
        for (venue, _), captured in self._captures.items():
            self._add_capture(venue, captured)

    def _read_group(self, group: list[Named]) -> None:
        first = group[0]
        extras = self.extras[(first.venue, first.venue_id)]
        if first.kind == "funding":
            extras.funding = sorted(extras.funding + [row for one in group for row in readers.rates(one.path)])
        elif first.kind == "marks":
            extras.marks = sorted(extras.marks + [row for one in group for row in readers.marks(one.path)])
        else:
            self._add_series(group)

    def _add_series(self, group: list[Named]) -> None:
        first = group[0]
        date = re.search(r"20\d{6}", first.path.name)
        instrument = self._instruments.find(first.venue, first.venue_id, int(date[0]) if date else 20260101)
        if instrument is None:
            return
        read = {"quotes": readers.quotes, "candles": readers.candles, "books": readers.book_rows}[first.kind]
        merged = Series()
        for one in group:
            part = read(one.path, instrument)
            for at_ms, ladder in zip(part.times, part.ladders, strict=True):
                merged.add(at_ms, ladder)
        if len(merged.times) >= MINIMUM_STATES:
            self.sources[instrument.symbol].append(
                Source(first.venue, first.kind, instrument, label_of(first), merged, merged.window)
            )

    def _read_capture(self, path: Path) -> None:
        venue = BINANCE if path.name.startswith("binance") else OKX
        found = captured_binance(path) if venue == BINANCE else captured_okx(path)
        for venue_id, captured in found.items():
            into = self._captures.setdefault((venue, venue_id), Captured(venue_id))
            for part in ("depth", "tops", "funding", "marks"):
                getattr(into, part).extend(getattr(captured, part))

    def _add_capture(self, venue: str, captured: Captured) -> None:
        extras = self.extras[(venue, captured.venue_id)]
        extras.funding = extras.funding or sorted(captured.funding)
        extras.marks = extras.marks or captured.marks
        if not captured.has_depth and len(captured.tops) < MINIMUM_STATES:
            return
        states = captured.depth if captured.has_depth else captured.tops
        instrument = self._instruments.find(venue, captured.venue_id, day_of(states[0].at_ms)) or guessed(
            venue, captured
        )
        if instrument is None or not self._wanted(instrument.symbol):
            return
        if captured.has_depth:
            captured.depth = playable(captured.depth, numbered=venue == BINANCE)
            window = Window(captured.depth[0].at_ms, captured.depth[-1].at_ms + 1)
            self.sources[instrument.symbol].append(
                Source(venue, "frames", instrument, "replay: captured frames", captured, window)
            )
        else:
            tops = series_of(captured, instrument)
            label = "replay: captured best bid and ask, depth behind the touch modelled"
            self.sources[instrument.symbol].append(Source(venue, "tops", instrument, label, tops, tops.window))

    def chosen(self) -> Iterator[tuple[Source, Window]]:
        """The best recording per venue of each symbol, with the window that they share."""
        for symbol in sorted(self.sources):
            pair = best_pair(self.sources[symbol])
            if pair is not None:
                pair = aligned(*pair)
                window = common([one.window for one in pair])
                yield from ((one, window or one.window) for one in pair)
                continue
            for venue in VENUES:
                own = [one for one in self.sources[symbol] if one.venue == venue]
                if own:
                    best = min(own, key=lambda one: (one.rank, one.window.first_ms))
                    yield best, best.window


def best_pair(sources: list[Source]) -> tuple[Source, Source] | None:
    """Recordings of the two venues that overlap in time, of the best kinds."""
    pairs = [
        (one, other)
        for one in sources
        for other in sources
        if one.venue == BINANCE and other.venue == OKX and common([one.window, other.window]) is not None
    ]
    return min(pairs, key=lambda pair: (pair[0].rank + pair[1].rank, -pair[0].window.first_ms), default=None)


def aligned(one: Source, other: Source) -> tuple[Source, Source]:
    """Where one of a pair is candles, the coarser of the two follows the other's path at the recorded basis."""
    if (
        "candles" not in (one.kind, other.kind)
        or not isinstance(one.content, Series)
        or not isinstance(other.content, Series)
    ):
        return one, other
    coarse = other if one.kind != "candles" else one
    if one.kind == other.kind and len(other.content.times) < len(one.content.times):
        coarse = other
    fine = other if coarse is one else one
    assert isinstance(fine.content, Series)  # noqa: S101 - checked above
    assert isinstance(coarse.content, Series)  # noqa: S101 - checked above
    content = readers.along(fine.content, coarse.content, float(fine.instrument.tick), float(coarse.instrument.tick))
    label = f"replay: recorded candles along the path of {fine.venue}, basis recorded at each bar; spread and sizes modelled"
    moved = replace(coarse, content=content, label=label, window=content.window)
    return (one, moved) if coarse is other else (moved, other)


def series_of(captured: Captured, instrument: Instrument) -> Series:
    """Captured tops as quotes."""
    series = Series()
    size = float(instrument.contract_size)
    for frame in captured.tops:
        if frame.bids and frame.asks:
            bid = readers.level(instrument, frame.bids[0][0], float(frame.bids[0][1]) * size)
            ask = readers.level(instrument, frame.asks[0][0], float(frame.asks[0][1]) * size)
            series.add(frame.at_ms, touch_of(bid, ask))
    return series


def touch_of(bid: Level, ask: Level) -> Ladder:
    """A crossed top is opened by one tick: two frames of one millisecond may overtake each other."""
    return Ladder([bid], [(max(ask[0], bid[0] + 1), ask[1])])


def feed_of(source: Source, window: Window, extras: Extras, seed: int) -> Feed:
    if isinstance(source.content, Captured):
        return CaptureFeed(source.instrument, source.content.depth, source.label, extras)
    series, instrument = source.content, source.instrument
    sizes = [ladder.bids[0][1] for ladder in series.ladders[:: max(1, len(series.ladders) // 1000)]]
    price = series.ladders[0].mid * float(instrument.tick)
    touch = statistics.median(sizes) or listing_of(instrument.base).touch_usdt / price / float(instrument.lot)
    depth = DepthProfile(derived_seed(seed, instrument.venue, instrument.symbol), touch, 1e4 / series.ladders[0].mid)
    feed = SeriesFeed(instrument, series, source.label, depth, extras, complete=source.kind == "books")
    feed.window = window
    return feed


def replay_books(options: "Options") -> "Listed":
    """The books of `options.replay`; of BTC, ETH and SOL those that no venue recorded are modelled, and say so."""
    from trading.simulator.build import Listed, model_books

    assert options.replay is not None  # noqa: S101 - the caller's condition
    gc.disable()  # a million small tuples that all stay: collecting in between doubles the start
    try:
        library = Library(options.replay, options.okx_from, options.symbols)
    finally:
        gc.freeze()
        gc.enable()
    books: list[tuple[Instrument, Feed]] = []
    for source, window in library.chosen():
        extras = library.extras[(source.venue, source.instrument.venue_id)]
        books.append((source.instrument, feed_of(source, window, extras, options.seed)))
    if not books:
        raise RecordingError(f"no recording of a known format at {options.replay}")
    recorded = {instrument.symbol for instrument, _ in books}
    missing = [
        symbol
        for symbol in MODEL_FALLBACK
        if symbol not in recorded and (options.symbols is None or symbol in options.symbols)
    ]
    return Listed("replay", books + (model_books(options, missing) if missing else []))
