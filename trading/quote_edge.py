"""The stream's rough look at the edge: is a scan worth its while now? Pure; the scanner decides, not this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import permutations

from trading import basis
from trading.venues.base import Quote

BPS = Decimal(10_000)
MINIMUM_INTERVAL_SECONDS = 0.5


@dataclass(frozen=True)
class EdgeTerms:
    """Taker fees in bps by (venue, symbol), standing bases by (symbol, a, b), and the smallest net edge."""

    fees_bps: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    bases_bps: basis.BasisTable = field(default_factory=dict)
    threshold_bps: Decimal = Decimal(0)


def rough_edge_bps(long: Quote, short: Quote, terms: EdgeTerms) -> Decimal | None:
    """Spread less standing basis and both fees, twice each (entry and exit), in bps of the long ask.

    None where a fee or a basis is unknown, or a price is not above zero.
    """
    fees = [terms.fees_bps.get((quote.venue, quote.symbol)) for quote in (long, short)]
    pair = (long.symbol, *basis.pair_of(long.venue, short.venue))
    standing = terms.bases_bps.get(pair)
    if standing is None or not long.ask > 0 or not short.bid > 0:
        return None
    known = [fee for fee in fees if fee is not None]
    if len(known) != len(fees):
        return None
    signed = basis.signed_for(standing, long_venue=long.venue, short_venue=short.venue)
    return (short.bid - long.ask) / long.ask * BPS - signed - 2 * sum(known, Decimal(0))


def is_above(quotes: Mapping[str, Quote], terms: EdgeTerms) -> bool:
    """Does any direction between two venues reach the threshold? ``quotes``: one symbol, by venue."""
    pairs = permutations(quotes.values(), 2)
    edges = (rough_edge_bps(long, short, terms) for long, short in pairs)
    return any(edge is not None and edge >= terms.threshold_bps for edge in edges)


class EdgeTrigger:
    """Fires while an edge stands, at most every half second."""

    def __init__(self) -> None:
        self._fired_at = float("-inf")

    def fires(self, above: bool, monotonic_seconds: float) -> bool:
        if not above or monotonic_seconds - self._fired_at < MINIMUM_INTERVAL_SECONDS:
            return False
        self._fired_at = monotonic_seconds
        return True
