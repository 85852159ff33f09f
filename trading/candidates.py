"""Which pair of venues to trade a symbol on, and what would be left of its spread. Pure.

Quotes come in judged: only usable ones. Quantities are base units, notionals USDT, edges bps of the long ask.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from heapq import nlargest
from itertools import permutations
from operator import itemgetter

from trading import basis, spread
from trading.sizing import Grid
from trading.spread import Costs, FundingTerms, GrossSpread, Touch
from trading.venues.base import Quote

REFINED = 5
# A convergence takes minutes; an hour is the bound that the funding of a hedge is counted over when none is set.
EXPECTED_HOLDING_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Listing:
    """What decides on one symbol of one venue, from its Instrument row."""

    venue: str
    symbol: str
    grid: Grid
    taker_fee_bps: Decimal | None
    funding: FundingTerms | None
    max_leverage: Decimal | None


@dataclass(frozen=True, slots=True)
class Terms:
    """At what size and under which assumptions the costs are counted."""

    notional_usdt: Decimal
    max_slippage_bps: Decimal
    holding_seconds: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    symbol: str
    gross: GrossSpread
    costs: Costs
    net_edge_bps: Decimal | None


def touch_of(quote: Quote) -> Touch:
    return Touch(quote.venue, ((quote.bid, quote.bid_quantity),), ((quote.ask, quote.ask_quantity),))


def holding_seconds(max_holding_seconds: int | None) -> int:
    return min(max_holding_seconds or EXPECTED_HOLDING_SECONDS, EXPECTED_HOLDING_SECONDS)


Touches = Mapping[str, Mapping[str, Touch]]


@dataclass(frozen=True)
class Market:
    """Usable quotes by symbol and venue, with what is known of their instruments and standing bases."""

    touches: Touches
    listings: Mapping[tuple[str, str], Listing]
    bases: basis.BasisTable

    def standing_basis(self, symbol: str, long_venue: str, short_venue: str) -> Decimal | None:
        found = self.bases.get((symbol, *basis.pair_of(long_venue, short_venue)))
        return None if found is None else basis.signed_for(found, long_venue=long_venue, short_venue=short_venue)

    def pairs(self, symbol: str) -> Iterator[tuple[Touch, Touch]]:
        """Every ordered pair of venues (long, short) that list the symbol and have a usable quote of it."""
        usable = [touch for venue, touch in self.touches.get(symbol, {}).items() if (venue, symbol) in self.listings]
        return permutations(usable, 2)

    def fees(self, symbol: str, long_venue: str, short_venue: str) -> Decimal | None:
        long, short = self.listings[(long_venue, symbol)], self.listings[(short_venue, symbol)]
        return spread.fees_bps(long.taker_fee_bps, short.taker_fee_bps)


def costs_of(market: Market, symbol: str, long: Touch, short: Touch, terms: Terms) -> Costs:
    fees = market.fees(symbol, long.venue, short.venue)
    long_listing, short_listing = market.listings[(long.venue, symbol)], market.listings[(short.venue, symbol)]
    return Costs(
        standing_basis_bps=market.standing_basis(symbol, long.venue, short.venue),
        entry_fees_bps=fees,
        exit_fees_bps=fees,
        slippage_bps=spread.slippage_bps(
            long=long,
            short=short,
            quantity=terms.notional_usdt / long.asks[0][0],
            limit_bps=terms.max_slippage_bps,
        ),
        funding_bps=spread.funding_bps(
            long=long_listing.funding, short=short_listing.funding, now=terms.now, holding_seconds=terms.holding_seconds
        ),
    )


def evaluate(market: Market, symbol: str, long: Touch, short: Touch, terms: Terms) -> Candidate:
    gross = spread.gross_spread(long=long, short=short)
    costs = costs_of(market, symbol, long, short, terms)
    return Candidate(symbol, gross, costs, spread.net_edge_bps(gross.spread_bps, costs))


def widest(market: Market, symbol: str, venues: Sequence[str] = ()) -> tuple[Touch, Touch] | None:
    """The pair (long, short) with the widest spread, of all or of ``venues`` alone; None without two usable quotes."""
    pairs = [
        (long, short)
        for long, short in market.pairs(symbol)
        if not venues or (long.venue in venues and short.venue in venues)
    ]
    return max(pairs, key=lambda pair: pair[1].bids[0][0] / pair[0].asks[0][0], default=None)


def _rough(market: Market, symbol: str, long: Touch, short: Touch) -> Decimal:
    """Spread less basis, cheap to compute: it ranks thousands so that only a few need their full costs."""
    ask = long.asks[0][0]
    gross = (short.bids[0][0] - ask) / ask * spread.BPS
    return gross - (market.standing_basis(symbol, long.venue, short.venue) or 0)


def rank(candidate: Candidate) -> tuple[bool, Decimal]:
    """A known net edge before an unknown one; among unknown ones the spread."""
    known = candidate.net_edge_bps is not None
    return known, candidate.net_edge_bps if candidate.net_edge_bps is not None else candidate.gross.spread_bps


Pair = tuple[str, Touch, Touch]


def leaders(touches: Touches, bases: basis.BasisTable, symbols: Sequence[str]) -> list[Pair]:
    """The few (symbol, long, short) worth their full costs, widest above their standing basis first.

    Those with a known basis come first. Only quotes and bases are looked at: the rest of a thousand instruments
    need not be read.
    """
    market = Market(touches, {}, bases)
    rough = [
        (_rough(market, symbol, long, short), symbol, long, short)
        for symbol in symbols
        for long, short in permutations(touches.get(symbol, {}).values(), 2)
    ]
    known = [row for row in rough if (row[1], *basis.pair_of(row[2].venue, row[3].venue)) in bases]
    return [row[1:] for row in nlargest(REFINED, known or rough, key=itemgetter(0))]


def best(market: Market, pairs: Sequence[Pair], terms: Terms) -> Candidate | None:
    """The candidate with the largest net edge among ``pairs``; one with a known edge comes first."""
    listed = market.listings
    found = [
        evaluate(market, symbol, long, short, terms)
        for symbol, long, short in pairs
        if (long.venue, symbol) in listed and (short.venue, symbol) in listed
    ]
    return max(found, key=rank, default=None)
