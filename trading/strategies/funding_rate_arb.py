"""Collects the difference of two venues' funding rates: short where longs pay more, long where they pay less. Pure.

Its spread is no reason to enter and its convergence none to leave: the income is the funding of a day, the risk that
the rates turn. Units: bps of the long ask; a rate that is not known proposes nothing (law 9).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from heapq import nlargest
from itertools import permutations
from operator import itemgetter

from trading.candidates import REFINED, Pair
from trading.exit_rules import ExitFacts, ExitRules
from trading.spread import funding_bps
from trading.strategies.base import Listings, MarketView

# Three settlements of eight hours: shorter, the fees of four fills are not earned back.
DAY_SECONDS = 86_400


class FundingRateArb:
    name = "funding_rate_arb"
    title = "Funding rate arbitrage"
    # Two people switch it on: a desk that knows only spreads must not hold positions for a day unasked.
    enabled_at_first = False

    def propose(self, market: MarketView) -> Sequence[Pair]:
        """The pairs that receive most funding over a day, at today's rates."""
        listed = market.listings(market.symbols)
        earning = [row for row in self._incomes(market, listed) if row[0] > 0]
        return [row[1] for row in nlargest(REFINED, earning, key=itemgetter(0))]

    def _incomes(self, market: MarketView, listed: Listings) -> Iterator[tuple[Decimal, Pair]]:
        for symbol in market.symbols:
            for long, short in permutations(market.touches.get(symbol, {}).values(), 2):
                terms = [listed.get((touch.venue, symbol)) for touch in (long, short)]
                paid = funding_bps(
                    long=terms[0].funding if terms[0] else None,
                    short=terms[1].funding if terms[1] else None,
                    now=market.now,
                    holding_seconds=DAY_SECONDS,
                )
                if paid is not None:
                    yield -paid, (symbol, long, short)

    def holding_seconds(self, longest: int | None) -> int:
        return min(longest or DAY_SECONDS, DAY_SECONDS)

    def exit_reason(self, facts: ExitFacts, rules: ExitRules, *, now: datetime) -> str | None:
        """After its day, or as soon as the hedge is expected to pay; an unknown rate closes nothing."""
        if (now - facts.opened_at).total_seconds() >= self.holding_seconds(rules.max_holding_seconds):
            return "max_holding"
        return "funding_against" if facts.funding_bps is not None and facts.funding_bps > 0 else None
