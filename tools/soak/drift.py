"""How fast a process grows: pure arithmetic over samples of its memory.

Faults kill processes, so one role is several processes one after the other. Each is its own line with its own height;
the slope is common to all of them. The first minutes of a process are left out: it imports, connects and fills caches.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

WARM_SECONDS = 180.0
# Below this many minutes of one role's warm life a slope says more about the noise than about the process.
ENOUGH_MINUTES = 10.0


@dataclass(frozen=True)
class Sample:
    """Memory of one process and its descendants. ``private_mib`` is what only it holds, which is where leaks grow."""

    role: str
    pid: int
    at_seconds: float
    rss_mib: float
    private_mib: float


@dataclass(frozen=True)
class Drift:
    role: str
    processes: int
    minutes: float
    mib_per_hour: float
    peak_rss_mib: float

    @property
    def known(self) -> bool:
        return self.minutes >= ENOUGH_MINUTES


def _warm(samples: Iterable[Sample], warm_seconds: float) -> dict[int, list[Sample]]:
    """Samples by process, without its beginning."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda one: one.at_seconds):
        lives[sample.pid].append(sample)
    return {
        pid: [one for one in life if one.at_seconds - life[0].at_seconds >= warm_seconds] for pid, life in lives.items()
    }


def _slope(lives: Iterable[list[Sample]]) -> float:
    """MiB a second: least squares with one slope for all lives and a height for each."""
    spread = common = 0.0
    for life in lives:
        middle = sum(one.at_seconds for one in life) / len(life)
        height = sum(one.private_mib for one in life) / len(life)
        spread += sum((one.at_seconds - middle) ** 2 for one in life)
        common += sum((one.at_seconds - middle) * (one.private_mib - height) for one in life)
    return common / spread if spread else 0.0


def drift_of(role: str, samples: Iterable[Sample], *, warm_seconds: float = WARM_SECONDS) -> Drift:
    own = [one for one in samples if one.role == role]
    lives = [life for life in _warm(own, warm_seconds).values() if len(life) > 1]
    return Drift(
        role=role,
        processes=len({one.pid for one in own}),
        minutes=sum(life[-1].at_seconds - life[0].at_seconds for life in lives) / 60,
        mib_per_hour=_slope(lives) * 3600,
        peak_rss_mib=max((one.rss_mib for one in own), default=0.0),
    )


def drifts(samples: Iterable[Sample], *, warm_seconds: float = WARM_SECONDS) -> list[Drift]:
    every = list(samples)
    return [drift_of(role, every, warm_seconds=warm_seconds) for role in sorted({one.role for one in every})]
