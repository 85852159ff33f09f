"""Recorded quotes, candles and ten-level books as series of touches or ladders over recorded time."""

import csv
import gzip
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from trading.simulator.instruments import Instrument
from trading.simulator.ladder import Ladder, Level
from trading.simulator.replay.window import Window

BOOK_LEVELS = 10
STATES_A_BAR = 4


class RecordingError(ValueError):
    """A recording cannot be read: the file, and what is wrong with it."""


def opened(path: Path) -> IO[str]:
    """A text file, gzipped or not."""
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def rows(path: Path) -> Iterator[dict[str, str]]:
    with opened(path) as file:
        yield from csv.DictReader(file)


@dataclass
class Series:
    """States by recorded time in milliseconds, ascending."""

    times: list[int] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)

    def at(self, recorded_ms: int) -> int:
        """Index of the state that stands at this time."""
        return max(0, bisect_right(self.times, recorded_ms) - 1)

    @property
    def window(self) -> Window:
        return Window(self.times[0], self.times[-1])

    def add(self, at_ms: int, ladder: Ladder) -> None:
        if ladder.bids and ladder.asks and (not self.times or at_ms >= self.times[-1]):
            self.times.append(at_ms)
            self.ladders.append(ladder)


def level(instrument: Instrument, price: str, size: float) -> Level:
    """A recorded level on the instrument's grid, size in base units; below one lot counts as one.

    Floats suffice here: a market state is no money, and 86,400 rows a day are read at every start.
    """
    return round(float(price) / instrument.tick_value), max(1, int(size / instrument.lot_value + 1e-9))


def quotes(path: Path, instrument: Instrument) -> Series:
    """Columns ts, bid_price, bid_amount | bid_sz_contracts, ask_price, …: amounts in base units, sz in contracts."""
    series = Series()
    with opened(path) as file:
        reader = csv.reader(file)
        header = next(reader, [])
        in_contracts = "bid_sz_contracts" in header
        name = "sz_contracts" if in_contracts else "amount"
        unit = float(instrument.contract_size) if in_contracts else 1.0
        try:
            columns = [header.index(one) for one in ("ts", "bid_price", f"bid_{name}", "ask_price", f"ask_{name}")]
            for row in reader:
                at_ms, bid_price, bid_size, ask_price, ask_size = (row[column] for column in columns)
                bid = level(instrument, bid_price, float(bid_size) * unit)
                ask = level(instrument, ask_price, float(ask_size) * unit)
                series.add(int(at_ms), Ladder([bid], [(max(ask[0], bid[0] + 1), ask[1])]))
        except (ValueError, IndexError) as error:
            raise RecordingError(f"{path.name}: not a quotes file: {error}") from error
    return series


def candles(path: Path, instrument: Instrument) -> Series:
    """Columns ts, open, high, low, close[, volume]: four touches a bar, in the order that its direction suggests."""
    bars = [(int(row["ts"]), [float(row[name]) for name in ("open", "high", "low", "close")]) for row in rows(path)]
    series = Series()
    for index, (at_ms, prices) in enumerate(bars):
        length = (
            bars[index + 1][0] - at_ms
            if index + 1 < len(bars)
            else (bars[1][0] - bars[0][0] if len(bars) > 1 else 60_000)
        )
        first, high, low, last = prices
        path_of_bar = (first, low, high, last) if last >= first else (first, high, low, last)
        for step, price in enumerate(path_of_bar):
            tick = int(price / instrument.tick_value + 1e-6)
            series.add(at_ms + length * step // 4, Ladder([(tick, 0)], [(tick + 1, 0)]))
    return series


def along(fine: Series, coarse: Series, fine_tick: float, coarse_tick: float) -> Series:
    """Candles of one venue along the finer path of the other.

    Two venues' candles tell nothing about the order of moves inside a bar: two paths guessed apart would show spreads
    that never were. So the basis is taken where both are recorded, at the coarse bars' openings, linear in between.
    """
    opens = [
        (at_ms, ladder.bids[0][0] * coarse_tick)
        for at_ms, ladder in list(zip(coarse.times, coarse.ladders, strict=True))[::STATES_A_BAR]
    ]
    ratios = [(at_ms, price / (fine.ladders[fine.at(at_ms)].bids[0][0] * fine_tick)) for at_ms, price in opens]
    series, index = Series(), 0
    for at_ms, ladder in zip(fine.times, fine.ladders, strict=True):
        while index + 2 < len(ratios) and ratios[index + 1][0] <= at_ms:
            index += 1
        (start, low), (end, high) = ratios[index], ratios[min(index + 1, len(ratios) - 1)]
        share = (at_ms - start) / (end - start) if end > start else 0.0
        if start <= at_ms <= end:
            tick = round(ladder.bids[0][0] * fine_tick * (low + (high - low) * share) / coarse_tick)
            series.add(at_ms, Ladder([(tick, 0)], [(tick + 1, 0)]))
    return series


def book_rows(path: Path, instrument: Instrument) -> Series:
    """Columns timestamp, symbol, b1..b10, bv1.., a1.., av1..: ten levels a second in base units."""
    series = Series()
    for row in rows(path):
        stamp = datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        bids = [level(instrument, row[f"b{number}"], float(row[f"bv{number}"])) for number in range(1, BOOK_LEVELS + 1)]
        asks = [level(instrument, row[f"a{number}"], float(row[f"av{number}"])) for number in range(1, BOOK_LEVELS + 1)]
        series.add(int(stamp.timestamp() * 1000), on_grid(bids, asks))
    return series


def on_grid(bids: list[Level], asks: list[Level]) -> Ladder:
    """A recording of a finer grid has several levels on one tick of ours: they are added up, and never cross."""
    merged: list[dict[int, int]] = [{}, {}]
    for side, levels in enumerate((bids, asks)):
        for price, size in levels:
            merged[side][price] = merged[side].get(price, 0) + size
    best_bid = max(merged[0])
    above = {price: size for price, size in merged[1].items() if price > best_bid} or {
        best_bid + 1: sum(merged[1].values())
    }
    return Ladder(sorted(merged[0].items(), reverse=True), sorted(above.items()))


def rates(path: Path) -> list[tuple[int, float]]:
    """Columns ts, funding_rate."""
    return [(int(row["ts"]), float(row["funding_rate"])) for row in rows(path)]


def marks(path: Path) -> list[tuple[int, float]]:
    """Columns ts, open, …: the mark price at each bar's opening."""
    return [(int(row["ts"]), float(row["open"])) for row in rows(path)]
