"""The dislocation overlay: one venue's prices lifted by so many bps for so long.

Real recordings show edges beyond the fees only on bad days; the overlay lets a desk be trained on them. It is
never hidden: every one, scheduled or by control call, is listed under `dislocations` of /control/state with
label "dislocation" while and after it runs.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from trading.simulator.instruments import VENUES
from trading.simulator.model import derived_seed

FIRST_SECONDS = 25.0
BPS = (45, 70)
DURATION_SECONDS = (20, 25)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
KEPT = 200


@dataclass(frozen=True)
class Dislocation:
    """Times in market seconds since the start."""

    venue: str
    symbol: str
    bps: float
    starts: float
    ends: float
    source: str

    def active(self, at: float) -> bool:
        return self.starts <= at < self.ends

    def document(self, at: float) -> dict[str, Any]:
        return {
            "label": "dislocation",
            "source": self.source,
            "venue": self.venue,
            "symbol": self.symbol,
            "bps": self.bps,
            "seconds": round(self.ends - self.starts, 3),
            "started_market_seconds": round(self.starts, 3),
            "active": self.active(at),
        }


def schedule(seed: int, every: float, symbols: list[str]) -> Iterator[Dislocation]:
    """An endless script: one venue of one symbol about every `every` seconds, the same for the same seed."""
    generator = random.Random(derived_seed(seed, "dislocations"))  # noqa: S311
    chosen = [symbol for symbol in SYMBOLS if symbol in symbols] or symbols[:1]
    starts = FIRST_SECONDS
    while chosen:
        venue, symbol = generator.choice(VENUES), generator.choice(chosen)
        bps, seconds = generator.randint(*BPS), generator.uniform(*DURATION_SECONDS)
        yield Dislocation(venue, symbol, bps, starts, starts + seconds, "schedule")
        starts += max(every * generator.uniform(0.85, 1.15), seconds + 1)


class Overlays:
    """All dislocations: the script's and those asked for."""

    def __init__(self, script: Iterator[Dislocation]) -> None:
        self._script = script
        self._coming = next(script, None)
        self.begun: list[Dislocation] = []

    def add(self, dislocation: Dislocation) -> None:
        self.begun = [*self.begun, dislocation][-KEPT:]

    def advance(self, at: float) -> None:
        while self._coming is not None and self._coming.starts <= at:
            self.add(self._coming)
            self._coming = next(self._script, None)

    def bps(self, venue: str, symbol: str, at: float) -> float:
        self.advance(at)
        return sum(one.bps for one in self.begun if one.active(at) and (one.venue, one.symbol) == (venue, symbol))

    def end(self, at: float) -> int:
        """Ends every running one at this market second; how many that were."""
        self.advance(at)
        running = sum(one.active(at) for one in self.begun)
        self.begun = [replace(one, ends=at) if one.active(at) else one for one in self.begun]
        return running

    def documents(self, at: float) -> list[dict[str, Any]]:
        self.advance(at)
        return [one.document(at) for one in self.begun]
