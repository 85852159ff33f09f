"""The decision of a hedge, decided again from what was stored with it. Pure.

Three things are computed anew: the spread from the two quotes, the net edge from the spread and its costs, and
whether the spread that was asked for was there. Where an input was not stored, nothing is claimed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.spread import BPS, SHOWN, Costs, net_edge_bps

# Stored figures are quantized where they were computed; more than that apart is a disagreement.
TOLERANCE_BPS = Decimal("0.01")
PARTS = tuple(Costs.__slots__)


@dataclass(frozen=True)
class Step:
    """One figure: as stored, as computed now, and whether they agree (None: not enough was stored)."""

    name: str
    stored: Decimal | None
    computed: Decimal | None
    unit: str = "bps"

    @property
    def agrees(self) -> bool | None:
        if self.stored is None or self.computed is None:
            return None
        return abs(self.stored - self.computed) <= TOLERANCE_BPS


@dataclass(frozen=True)
class Replay:
    steps: tuple[Step, ...]
    wanted: str
    verdict: str

    @property
    def tone(self) -> str:
        return {"agrees": "is-good", "disagrees": "is-bad"}.get(self.verdict, "is-warn")


def number(value: object) -> Decimal | None:
    """A finite decimal of a stored value; None of anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def replay(decision: Mapping[str, Any], *, long_venue: str, short_venue: str, expected: Decimal | None) -> Replay:
    """``expected`` is the net edge that the hedge's row carries, in bps of the long ask."""
    spread = _spread(decision, long_venue, short_venue)
    costs = _costs(decision)
    edge = None if spread is None or costs is None else net_edge_bps(spread, costs)
    steps = (
        Step("spread", number(decision.get("spread_bps")), spread),
        Step("net edge", number(decision.get("net_edge_bps")), edge),
        Step("net edge of the row", expected, edge),
    )
    return Replay(steps, _wanted(decision, spread), _verdict(steps))


def _verdict(steps: tuple[Step, ...]) -> str:
    found = [step.agrees for step in steps]
    if False in found:
        return "disagrees"
    return "agrees" if all(found) else "not enough was stored"


def _price(decision: Mapping[str, Any], venue: str, side: str) -> Decimal | None:
    quotes = decision.get("quotes")
    quote = quotes.get(venue) if isinstance(quotes, Mapping) else None
    return number(quote.get(side)) if isinstance(quote, Mapping) else None


def _spread(decision: Mapping[str, Any], long_venue: str, short_venue: str) -> Decimal | None:
    ask, bid = _price(decision, long_venue, "ask"), _price(decision, short_venue, "bid")
    if ask is None or bid is None or ask <= 0:
        return None
    return ((bid - ask) / ask * BPS).quantize(SHOWN)


def _costs(decision: Mapping[str, Any]) -> Costs | None:
    stored = decision.get("costs_bps")
    return Costs(**{name: number(stored.get(name)) for name in PARTS}) if isinstance(stored, Mapping) else None


def _wanted(decision: Mapping[str, Any], spread_bps: Decimal | None) -> str:
    """Whether the spread that the request asked for stood, in words; empty where none was asked for."""
    request = decision.get("request")
    least = number(request.get("min_spread_bps")) if isinstance(request, Mapping) else None
    if least is None or spread_bps is None:
        return ""
    return f"asked for at least {least:f} bps: {'there' if spread_bps >= least else 'not there'}"
