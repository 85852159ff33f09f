"""One book of one venue: the feed's state, moved by overlays, less what own fills have taken.

Sequence numbers are one growing series per book, shared by every connection and by the REST snapshot.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from trading.simulator.instruments import Instrument
from trading.simulator.ladder import Feed, Ladder, Level, changes, shifted

BID, ASK = -1, 1
ID_STEP = 100  # room between market updates for those that own fills cause


@dataclass(frozen=True)
class BookUpdate:
    """What changed from `previous_id` to `last_id`; prices in ticks, sizes in lots, 0 removes."""

    first_id: int
    last_id: int
    previous_id: int
    event_ms: int
    bids: list[Level]
    asks: list[Level]
    top_changed: bool


@dataclass
class MinuteBar:
    """Mid prices in ticks, rounded down, of one minute of the venue's clock."""

    opened_ms: int
    open: int
    high: int
    low: int
    close: int


Listener = Callable[["Book", BookUpdate], None]


@dataclass
class Distortion:
    """What faults do to a book: `frozen` keeps it as it is, `crossed_ticks` lifts the bids over the asks."""

    frozen_until_ms: int = 0
    crossed_until_ms: int = 0
    crossed_bps: float = 5.0


@dataclass
class Book:
    instrument: Instrument
    feed: Feed
    distortion: Distortion
    bids: list[Level] = field(default_factory=list)
    asks: list[Level] = field(default_factory=list)
    update_id: int = 1_000_000
    event_ms: int = 0
    listeners: list[Listener] = field(default_factory=list)
    last_trade: Level = (0, 0)
    own_orders: int = 0
    bars: deque[MinuteBar] = field(default_factory=lambda: deque(maxlen=1500))

    def __post_init__(self) -> None:
        self._raw: Ladder | None = None
        self._taken: dict[tuple[int, int], tuple[int, int]] = {}

    @property
    def key(self) -> tuple[str, str]:
        return self.instrument.venue, self.instrument.symbol

    @property
    def last_price(self) -> int:
        """The last own trade, or the bid while there is none, in ticks."""
        return self.last_trade[0] or (self.bids[0][0] if self.bids else 0)

    @property
    def mid(self) -> Decimal | None:
        """Of the feed itself, without overlay and own fills: what mark and index follow."""
        if self._raw is None or not self._raw.bids or not self._raw.asks:
            return None
        return (self._raw.bids[0][0] + self._raw.asks[0][0]) * self.instrument.tick / 2

    def refresh(self, at: float, now_ms: int, overlay_bps: float) -> None:
        """Publishes every state that the feed had since the last call."""
        if now_ms < self.distortion.frozen_until_ms and self.bids:
            return
        moved = False
        for ladder in self.feed.frames(at):
            self._raw = ladder
            self._publish(now_ms, overlay_bps)
            moved = True
        if not moved and self._raw is not None:
            self._publish(now_ms, overlay_bps)

    def touch_up(self, now_ms: int, overlay_bps: float) -> None:
        """Publishes again what stands, after own fills or a fault changed it."""
        if self._raw is not None and now_ms >= self.distortion.frozen_until_ms:
            self._publish(now_ms, overlay_bps)

    def _publish(self, now_ms: int, overlay_bps: float) -> None:
        ladder = self._visible(now_ms, overlay_bps)
        bids, asks = changes(self.bids, ladder.bids), changes(self.asks, ladder.asks)
        if not bids and not asks:
            return
        top_changed = self.bids[:1] != ladder.bids[:1] or self.asks[:1] != ladder.asks[:1]
        previous = self.update_id
        self.bids, self.asks, self.event_ms = ladder.bids, ladder.asks, now_ms
        self.update_id = ladder.update_id if ladder.update_id and ladder.update_id > previous else previous + ID_STEP
        self._keep_bar(now_ms)
        update = BookUpdate(previous + 1, self.update_id, previous, now_ms, bids, asks, top_changed)
        for listener in tuple(self.listeners):
            listener(self, update)

    def _keep_bar(self, now_ms: int) -> None:
        if not self.bids or not self.asks:
            return
        opened, price = now_ms // 60_000 * 60_000, (self.bids[0][0] + self.asks[0][0]) // 2
        if not self.bars or self.bars[-1].opened_ms != opened:
            self.bars.append(MinuteBar(opened, price, price, price, price))
        bar = self.bars[-1]
        bar.high, bar.low, bar.close = max(bar.high, price), min(bar.low, price), price

    def _visible(self, now_ms: int, overlay_bps: float) -> Ladder:
        raw = self._raw
        if raw is None or not raw.bids or not raw.asks:
            return Ladder([], [])
        ladder = shifted(raw, round(raw.mid * overlay_bps / 1e4))
        self._taken = {key: taken for key, taken in self._taken.items() if self._stands(ladder, key, taken[0])}
        if self._taken:
            ladder = Ladder(self._less(ladder.bids, BID), self._less(ladder.asks, ASK), ladder.update_id)
        if now_ms < self.distortion.crossed_until_ms and ladder.bids and ladder.asks:
            ladder = self._crossed(ladder)
        return ladder

    def _crossed(self, ladder: Ladder) -> Ladder:
        lift = ladder.asks[0][0] - ladder.bids[0][0] + max(1, round(ladder.mid * self.distortion.crossed_bps / 1e4))
        return Ladder([(price + lift, size) for price, size in ladder.bids], ladder.asks, ladder.update_id)

    @staticmethod
    def _stands(ladder: Ladder, key: tuple[int, int], drawn: int) -> bool:
        """Whether the level is still the one that was taken from: a redrawn level is new liquidity."""
        side, price = key
        return (price, drawn) in (ladder.bids if side == BID else ladder.asks)

    def _less(self, levels: list[Level], side: int) -> list[Level]:
        rest = ((price, size - self._taken.get((side, price), (0, 0))[1]) for price, size in levels)
        return [(price, size) for price, size in rest if size > 0]

    def take(self, side: int, fills: list[Level]) -> None:
        """Removes own fills from one side until the market redraws the levels."""
        visible = dict(self.bids if side == BID else self.asks)
        for price, lots in fills:
            drawn, before = self._taken.get((side, price), (visible.get(price, lots), 0))
            self._taken[(side, price)] = (drawn, before + lots)

    def mark(self, at: float) -> Decimal | None:
        """The mark price: the mid without overlay, times the recorded premium where there is one."""
        mid = self.mid
        if mid is None:
            return None
        return (mid * (1 + Decimal(repr(self.feed.mark_premium(at))))).quantize(self.instrument.tick / 100)
