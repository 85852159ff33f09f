"""The margin guard (SPEC 7): how near a venue account is to liquidation, and what follows. Pure.

``margin_ratio`` is maintenance margin over equity, ``liquidation_distance`` the smallest distance of a mark price
to its liquidation price as a share of the mark. Entries stop at 50 % or 15 %, an alarm sounds at 70 % or 10 %,
both legs of the hedges there shrink pro rata at 85 % or 5 %.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from risk.intents import VenueFigures


class MarginLevel(StrEnum):
    OK = "ok"
    UNREAD = "unread"
    STOP = "stop"
    ALARM = "alarm"
    REDUCE = "reduce"


# Worst first: (level, ratio from which, distance down to which).
THRESHOLDS = (
    (MarginLevel.REDUCE, Decimal("0.85"), Decimal("0.05")),
    (MarginLevel.ALARM, Decimal("0.70"), Decimal("0.10")),
    (MarginLevel.STOP, Decimal("0.50"), Decimal("0.15")),
)
# A reduction aims between the stop and the alarm, so that it does not have to be repeated at once.
TARGET_RATIO = Decimal("0.60")
SMALLEST_REDUCTION = Decimal("0.25")


@dataclass(frozen=True)
class MarginDecision:
    """``reduce_fraction`` of every hedge on that venue is closed, both legs, reduce-only; 0 unless level is reduce."""

    venue: str
    level: MarginLevel
    text: str
    reduce_fraction: Decimal = Decimal(0)

    @property
    def entries_allowed(self) -> bool:
        return self.level is MarginLevel.OK


def reduce_fraction(ratio: Decimal) -> Decimal:
    """The share whose closing brings the ratio to the target: maintenance margin falls with the positions."""
    wanted = 1 - TARGET_RATIO / ratio if ratio > 0 else Decimal(0)
    return min(Decimal(1), max(SMALLEST_REDUCTION, wanted))


def _known(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None


def _figure(value: Decimal | None) -> str:
    return "unread" if value is None else f"{value * 100:.1f} %"


def _reached(ratio: Decimal | None, distance: Decimal | None) -> MarginLevel:
    """The worst step that a known figure reaches."""
    for level, from_ratio, to_distance in THRESHOLDS:
        if (ratio is not None and ratio >= from_ratio) or (distance is not None and distance <= to_distance):
            return level
    return MarginLevel.OK


def margin_decision(venue: VenueFigures) -> MarginDecision:
    """A figure that was not read blocks entries, and never hides a danger that the other one shows.

    Without a position the distance is 1, not unknown.
    """
    ratio, distance = _known(venue.margin_ratio), _known(venue.liquidation_distance)
    level = _reached(ratio, distance)
    if level is MarginLevel.OK and (ratio is None or distance is None):
        return MarginDecision(venue.venue, MarginLevel.UNREAD, f"margin of {venue.venue} is not read")
    text = f"margin of {venue.venue}: ratio {_figure(ratio)}, distance to liquidation {_figure(distance)}"
    fraction = reduce_fraction(ratio or Decimal(0)) if level is MarginLevel.REDUCE else Decimal(0)
    return MarginDecision(venue.venue, level, text, fraction)
