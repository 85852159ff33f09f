"""The desk's first strategy: the spread between two venues, until it has converged to its standing basis. Pure."""

from collections.abc import Sequence
from datetime import datetime

from trading import candidates, exit_rules
from trading.candidates import Pair
from trading.exit_rules import ExitFacts, ExitRules
from trading.strategies.base import MarketView


class CrossExchangeArb:
    name = "cross_exchange_arb"
    title = "Cross-exchange arbitrage"
    enabled_at_first = True

    def propose(self, market: MarketView) -> Sequence[Pair]:
        """The widest spreads above their standing basis."""
        return candidates.leaders(market.touches, market.bases, market.symbols)

    def holding_seconds(self, longest: int | None) -> int:
        return candidates.holding_seconds(longest)

    def exit_reason(self, facts: ExitFacts, rules: ExitRules, *, now: datetime) -> str | None:
        return exit_rules.exit_reason(facts, rules, now=now)
