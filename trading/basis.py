"""The standing basis of a pair of venues: what their prices differ by when nothing is happening.

Units: bps of the first venue's mid. A pair is named in alphabetical order (``venue_a`` < ``venue_b``) and its basis
is signed: positive when ``venue_b`` stands above ``venue_a``. Source: SPEC 3 (median over ``BASIS_WINDOW_MIN``);
VENUES.md, real spreads: over four days the basis of five symbols on the same two venues lay within 1 bps of each
other (4.8 to 5.6), which is what makes a young history checkable against its peers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

BPS = Decimal(10_000)
MINIMUM_SAMPLES = 10
MINIMUM_SPAN = timedelta(seconds=9)
# A history shorter than this could have begun inside a dislocation, whose end would then look like an edge.
MATURE_SPAN = timedelta(seconds=300)
MATURE_SPAN_WITHOUT_PEERS = timedelta(seconds=60)
MINIMUM_PEERS = 2
PEER_TOLERANCE_BPS = Decimal(10)
NO_BASIS = "no_basis"


@dataclass(frozen=True)
class BasisEstimate:
    """Median of one symbol's samples over the window, with how many they are and what time they span."""

    median_bps: Decimal
    samples: int
    first_at: datetime
    last_at: datetime

    @property
    def span(self) -> timedelta:
        return self.last_at - self.first_at


def pair_of(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def basis_bps(mid_a: Decimal, mid_b: Decimal) -> Decimal:
    """How far b's mid stands above a's, in bps of a's."""
    return ((mid_b - mid_a) / mid_a * BPS).quantize(Decimal("0.000001"))


def signed_for(median_bps: Decimal, *, long_venue: str, short_venue: str) -> Decimal:
    """The basis as the spread short minus long sees it: the sign turns with the order of the venues.

    Changing the denominator from one mid to the other moves a basis of 50 bps by 0.25: it is neglected.
    """
    return median_bps if long_venue < short_venue else -median_bps


def median(values: Iterable[Decimal]) -> Decimal:
    """The middle value (of an even number the lower one: a value that was seen, not an average of two regimes)."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no median")
    return ordered[(len(ordered) - 1) // 2]


def slot_start(at: datetime, seconds: int) -> datetime:
    """The fixed slot that ``at`` lies in: one sample per slot, however often quotes come."""
    epoch = int(at.timestamp())
    return datetime.fromtimestamp(epoch - epoch % seconds, tz=at.tzinfo)


def peer_median(estimates: Iterable[BasisEstimate]) -> Decimal | None:
    """The middle of the other symbols' medians on the same pair; None with too few of them."""
    medians = [one.median_bps for one in estimates if one.samples >= MINIMUM_SAMPLES]
    return median(medians) if len(medians) >= MINIMUM_PEERS else None


def standing_basis(estimate: BasisEstimate | None, peers: Iterable[BasisEstimate]) -> Decimal | None:
    """The basis to trade against, or None (reason ``no_basis``): unknown is not zero.

    A mature history speaks for itself. A young one must agree with its peers, or first outlast a dislocation.
    """
    if estimate is None or estimate.samples < MINIMUM_SAMPLES or estimate.span < MINIMUM_SPAN:
        return None
    if estimate.span >= MATURE_SPAN:
        return estimate.median_bps
    others = peer_median(peers)
    if others is None:
        return estimate.median_bps if estimate.span >= MATURE_SPAN_WITHOUT_PEERS else None
    return estimate.median_bps if abs(estimate.median_bps - others) <= PEER_TOLERANCE_BPS else None


BasisTable = dict[tuple[str, str, str], Decimal]


def standing_table(estimates: dict[tuple[str, str, str], BasisEstimate]) -> BasisTable:
    """(symbol, venue_a, venue_b) -> standing basis, only where there is one to trade against."""
    table: BasisTable = {}
    by_pair = sorted(estimates, key=lambda key: key[1:])
    for _, keys in groupby(by_pair, key=lambda key: key[1:]):
        members = list(keys)
        peers = [estimates[key] for key in members]
        for key in members:
            # The symbol itself among its peers shifts the middle by one rank at most; with three it is the middle.
            others = [one for one in peers if one is not estimates[key]] if len(peers) <= 20 else peers
            basis = standing_basis(estimates[key], others)
            if basis is not None:
                table[key] = basis
    return table
