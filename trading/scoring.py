"""How well a symbol suits the desk: 0 to 100, with its parts. Pure.

Each part lies in 0 to 1; the weights say that a market must first be liquid. Volume and depth are those of the
thinner venue, on a logarithmic scale, and the spread is that of the wider one: the worse leg decides.
A part that is not known leaves the score unknown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WEIGHTS = {"volume": Decimal("0.4"), "depth": Decimal("0.3"), "spread": Decimal("0.3")}
VOLUME_RANGE_USDT = (1e6, 1e10)
DEPTH_RANGE_USDT = (1e3, 1e6)
WIDEST_SPREAD_BPS = Decimal(10)


@dataclass(frozen=True)
class VenueFacts:
    """One venue's market of a symbol: volume and touch depth in USDT, own bid-ask spread in bps."""

    venue: str
    volume_24h_usdt: Decimal | None
    touch_usdt: Decimal | None
    spread_bps: Decimal | None


@dataclass(frozen=True)
class Score:
    total: Decimal | None
    parts: dict[str, Decimal | None]


def _logarithmic(value: Decimal | None, bounds: tuple[float, float]) -> Decimal | None:
    if value is None:
        return None
    if value <= 0:
        return Decimal(0)
    low, high = (math.log10(bound) for bound in bounds)
    share = (math.log10(float(value)) - low) / (high - low)
    return Decimal(str(round(min(1.0, max(0.0, share)), 4)))


def _least(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else None


def _tightness(venues: Sequence[VenueFacts]) -> Decimal | None:
    negated = _least([None if one.spread_bps is None else -one.spread_bps for one in venues])
    if negated is None:
        return None
    return max(Decimal(0), 1 + negated / WIDEST_SPREAD_BPS).quantize(Decimal("0.0001"))


def score(venues: Sequence[VenueFacts]) -> Score:
    """A symbol that trades on fewer than two venues scores 0: there is nothing to hedge with."""
    presence = Decimal(1) if len(venues) >= 2 else Decimal(0)
    if not presence:
        return Score(Decimal(0), {"presence": presence})
    parts: dict[str, Decimal | None] = {
        "volume": _logarithmic(_least([one.volume_24h_usdt for one in venues]), VOLUME_RANGE_USDT),
        "depth": _logarithmic(_least([one.touch_usdt for one in venues]), DEPTH_RANGE_USDT),
        "spread": _tightness(venues),
    }
    known = {name: value for name, value in parts.items() if value is not None}
    total = sum((WEIGHTS[name] * value for name, value in known.items()), Decimal(0)) * 100
    return Score(total.quantize(Decimal("0.01")) if len(known) == len(parts) else None, {"presence": presence, **parts})
