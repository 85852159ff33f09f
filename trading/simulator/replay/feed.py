"""Feeds over recordings. What a recording lacks is modelled, and the label says so."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from trading.simulator.depth import DepthProfile
from trading.simulator.instruments import Instrument
from trading.simulator.ladder import Ladder
from trading.simulator.replay.capture import Frame
from trading.simulator.replay.series import Series
from trading.simulator.replay.window import Window

FUNDING_SLOT_MS = 8 * 3_600_000


@dataclass
class Extras:
    """Recorded funding rates and hourly mark prices of one book, by recorded time."""

    funding: list[tuple[int, float]] = field(default_factory=list)
    marks: list[tuple[int, float]] = field(default_factory=list)

    def funding_at(self, recorded_ms: int) -> float:
        """The rate of the settlement that comes next, or the last one known."""
        if not self.funding:
            return 0.0
        index = bisect_right([at for at, _ in self.funding], recorded_ms)
        return self.funding[min(index, len(self.funding) - 1)][1]


class SeriesFeed:
    """Quotes, candles or books; the touch is recorded, and where `complete` is false the depth behind it is modelled."""

    def __init__(
        self,
        instrument: Instrument,
        series: Series,
        label: str,
        depth: DepthProfile,
        extras: Extras,
        complete: bool = False,
    ) -> None:
        self.instrument, self.series, self.label = instrument, series, label
        self.depth, self.extras, self.complete = depth, extras, complete
        self.window: Window = series.window
        self._premiums: list[tuple[int, float]] | None = None
        self._started_ms: int | None = None

    def frames(self, at: float) -> Iterator[Ladder]:
        ladder = self.series.ladders[self.series.at(self.window.recorded_ms(at))]
        if self.complete:
            yield ladder
            return
        bid, ask = ladder.bids[0], ladder.asks[0]
        yield self.depth.ladder(
            (bid[0], bid[1] or self.depth.touch(-1, at)), (ask[0], ask[1] or self.depth.touch(1, at)), at
        )

    def before(self, minutes: int) -> float:
        return self.series.ladders[self.series.at(self.window.recorded_ms(-60.0 * minutes))].mid

    def mark_premium(self, at: float) -> float:
        """Mark over mid at the hours that were recorded, linear in between; 0 outside them."""
        if self._premiums is None:
            self._premiums = [
                (hour, price / (self.series.ladders[self.series.at(hour)].mid * float(self.instrument.tick)) - 1)
                for hour, price in self.extras.marks
                if self.window.first_ms <= hour <= self.window.last_ms
            ]
        return interpolated(self._premiums, self.window.recorded_ms(at))

    def funding_rate(self, slot_ms: int) -> float:
        """Settlements of the wall clock map to those of the recording by their order since the start."""
        if self._started_ms is None:
            self._started_ms = slot_ms
        slots = (slot_ms - self._started_ms) // FUNDING_SLOT_MS
        return self.extras.funding_at(self.window.first_ms + slots * FUNDING_SLOT_MS)


def interpolated(points: list[tuple[int, float]], at_ms: int) -> float:
    """Linear between points; 0 outside their range."""
    index = bisect_right([moment for moment, _ in points], at_ms)
    if index == 0 or index == len(points):
        return points[-1][1] if points and at_ms == points[-1][0] else 0.0
    (start, low), (end, high) = points[index - 1], points[index]
    return low + (high - low) * (at_ms - start) / (end - start)


class CaptureFeed:
    """A captured book: each captured frame is one published state."""

    def __init__(self, instrument: Instrument, frames: list[Frame], label: str, extras: Extras) -> None:
        self.instrument, self.played, self.label, self.extras = instrument, frames, label, extras
        self.window = Window(frames[0].at_ms, frames[-1].at_ms + 1)
        self._sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._lap, self._next = -1, 0
        self._ids = max(1, frames[-1].last_id - frames[0].last_id + 1000)

    def frames(self, at: float) -> Iterator[Ladder]:
        if self.window.lap(at) != self._lap:
            self._lap, self._next = self.window.lap(at), 0
        until = self.window.recorded_ms(at)
        while self._next < len(self.played) and self.played[self._next].at_ms <= until:
            yield self._applied(self.played[self._next])
            self._next += 1

    def _applied(self, frame: Frame) -> Ladder:
        for side, levels in zip(self._sides, (frame.bids, frame.asks), strict=True):
            if frame.kind == "snapshot":
                side.clear()
            for price, size in levels:
                self._put(side, price, size)
        bids, asks = self._sides
        update_id = frame.last_id + self._lap * self._ids if frame.last_id else None
        return Ladder(sorted(bids.items(), reverse=True), sorted(asks.items()), update_id)

    def _put(self, side: dict[int, int], price: str, size: str) -> None:
        ticks = round(float(price) / float(self.instrument.tick))
        lots = round(float(size) * float(self.instrument.contract_size) / float(self.instrument.lot))
        if lots > 0:
            side[ticks] = lots
        else:
            side.pop(ticks, None)

    def before(self, minutes: int) -> float:
        """A capture of seconds holds no earlier minutes: its first mid stands for them."""
        first = self.played[0]
        best = [float(side[0][0]) for side in (first.bids, first.asks) if side]
        return sum(best) / len(best) / float(self.instrument.tick) if best else 0.0

    def mark_premium(self, at: float) -> float:
        return 0.0

    def funding_rate(self, slot_ms: int) -> float:
        return self.extras.funding_at(self.window.first_ms)
