"""What lies behind a book: minute bars, day statistics, recent public trades.

Bars since the start come from the states that the book had; earlier ones from the feed (the recording itself, or
the model's walk backwards). Volumes and public trades are modelled from touch sizes: recordings of quotes hold none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from trading.simulator.book import Book, MinuteBar
from trading.simulator.model import derived_seed

MINUTE_MS = 60_000
LONGEST_MINUTES = 7 * 1440
INTERVALS = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "12h": 720,
    "1d": 1440,
    "1H": 60,
    "2H": 120,
    "4H": 240,
    "6H": 360,
    "12H": 720,
    "1D": 1440,
}
TOUCHES_PER_MINUTE = 50  # 1,498 BTC per 5 minutes (2025-04-06 to 10) over a touch of 5.8 BTC


@dataclass
class Bar:
    """Prices in ticks, volume in lots."""

    opened_ms: int
    length_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int


@dataclass
class Day:
    open: int
    high: int
    low: int
    last: int
    volume: Decimal
    quote_volume: Decimal
    opened_ms: int

    @property
    def change_percent(self) -> float:
        return (self.last / self.open - 1) * 100 if self.open else 0.0


@dataclass
class PublicTrade:
    id: int
    ticks: int
    lots: int
    sell: bool
    at_ms: int


def minute_bars(book: Book, now_ms: int, minutes: int) -> list[Bar]:
    """The last `minutes` one-minute bars, oldest first, the running one included."""
    current = now_ms // MINUTE_MS * MINUTE_MS
    seen = {bar.opened_ms: bar for bar in book.bars}
    first_seen = min(seen, default=current)
    bars: list[Bar] = []
    for opened in range(current - (minutes - 1) * MINUTE_MS, current + 1, MINUTE_MS):
        bars.append(_minute(book, opened, seen, (first_seen - opened) // MINUTE_MS, bars))
    return bars


def _minute(book: Book, opened: int, seen: dict[int, MinuteBar], minutes_before: int, bars: list[Bar]) -> Bar:
    lots = TOUCHES_PER_MINUTE * (book.bids[0][1] if book.bids else 1)
    known = seen.get(opened)
    if known is not None:
        return Bar(opened, MINUTE_MS, known.open, known.high, known.low, known.close, lots)
    if minutes_before > 0:
        start, end = round(book.feed.before(minutes_before)), round(book.feed.before(minutes_before - 1))
        return Bar(opened, MINUTE_MS, start, max(start, end), min(start, end), end, lots)
    last = bars[-1].close if bars else book.last_price
    return Bar(opened, MINUTE_MS, last, last, last, last, 0)


def merged(bars: list[Bar]) -> Bar:
    return Bar(
        bars[0].opened_ms,
        sum(bar.length_ms for bar in bars),
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.lots for bar in bars),
    )


def klines(book: Book, now_ms: int, interval: str, limit: int, since_ms: int) -> Iterator[Bar]:
    """Bars of an interval, oldest first; at most a week back."""
    minutes = INTERVALS.get(interval, 1)
    wanted = min(LONGEST_MINUTES, max(1, limit) * minutes)
    group: list[Bar] = []
    for bar in minute_bars(book, now_ms, wanted):
        if group and bar.opened_ms // (minutes * MINUTE_MS) != group[0].opened_ms // (minutes * MINUTE_MS):
            yield from (one for one in [merged(group)] if one.opened_ms >= since_ms)
            group = []
        group.append(bar)
    if group and group[0].opened_ms >= since_ms:
        yield merged(group)


def day_statistics(book: Book, now_ms: int) -> Day:
    """Of the last 24 hours, in steps of an hour."""
    start, last = round(book.feed.before(1440)), book.last_price
    closes = [round(book.feed.before(minutes)) for minutes in range(60, 1440, 60)]
    lots = TOUCHES_PER_MINUTE * 1440 * (book.bids[0][1] if book.bids else 1)
    volume = book.instrument.quantity(lots)
    every = [start, last, *closes]
    return Day(
        start, max(every), min(every), last, volume, volume * book.instrument.price(last), now_ms - 1440 * MINUTE_MS
    )


def recent_trades(book: Book, now_ms: int, limit: int) -> list[PublicTrade]:
    """The latest modelled public trades, one a second at the touch, newest last."""
    second = now_ms // 1000
    trades = []
    for at in range(second - min(limit, 60) + 1, second + 1):
        draw = derived_seed(book.instrument.symbol, at)
        sell = bool(draw & 1)
        side = book.bids if sell else book.asks
        if side:
            trades.append(PublicTrade(at, side[0][0], 1 + draw % max(1, side[0][1] // 4), sell, at * 1000))
    return trades
