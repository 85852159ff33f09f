"""What the generators count, and the arithmetic over it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest rank: the smallest value that at least ``percent`` of all do not exceed. NaN of nothing."""
    if not values:
        return math.nan
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


@dataclass
class Answers:
    """Latencies in ms of what was answered well, and what was not."""

    took_ms: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    @property
    def rate(self) -> float:
        return len(self.took_ms) / self.seconds if self.seconds else 0.0

    @property
    def bad(self) -> int:
        return sum(self.refused.values())
