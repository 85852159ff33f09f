"""The state of one book in integers: prices in ticks, sizes in lots of the instrument."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

Level = tuple[int, int]


class Ladder(NamedTuple):
    """Bids fall, asks rise; every size is positive."""

    bids: list[Level]
    asks: list[Level]
    update_id: int | None = None

    @property
    def mid(self) -> float:
        """In ticks; only for a ladder with both sides."""
        return (self.bids[0][0] + self.asks[0][0]) / 2


class Feed(Protocol):
    """Where one book's states come from. `label` says what is recorded and what is modelled."""

    label: str

    def frames(self, at: float) -> Iterable[Ladder]:
        """The states since the last call up to market time `at`; the last one is the current one."""
        ...

    def mark_premium(self, at: float) -> float:
        """Mark price over mid less one."""
        ...

    def before(self, minutes: int) -> float:
        """The mid in ticks so many minutes before the start."""
        ...

    def funding_rate(self, slot_ms: int) -> float:
        """The rate per interval settled at wall time `slot_ms`, positive when longs pay."""
        ...


def shifted(ladder: Ladder, ticks: int) -> Ladder:
    """The whole ladder moved by so many ticks; never below one tick."""
    if not ticks or not ladder.bids or not ladder.asks:
        return ladder
    ticks = max(ticks, 1 - ladder.bids[-1][0])
    return Ladder(
        [(price + ticks, size) for price, size in ladder.bids],
        [(price + ticks, size) for price, size in ladder.asks],
        ladder.update_id,
    )


def changes(old: list[Level], new: list[Level]) -> list[Level]:
    """Levels to send so that `old` becomes `new`; a size of 0 removes the level."""
    if old == new:
        return []
    changed = sorted(set(new).difference(old))
    standing = {price for price, _ in changed}
    removed = (price for price, _ in set(old).difference(new) if price not in standing)
    return changed + [(price, 0) for price in sorted(removed)]
