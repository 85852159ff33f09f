"""What a strategy is to the desk: a name, an eye for pairs, a holding time and a rule for leaving. Pure.

A strategy sees judged quotes and known instruments, and answers pairs (symbol, long touch, short touch), best first.
What it proposes is priced by the same costs, judged by the same gate and opened by the same entry as any other's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trading.basis import BasisTable
from trading.candidates import Listing, Pair, Touches
from trading.exit_rules import ExitFacts, ExitRules

Listings = Mapping[tuple[str, str], Listing]


@dataclass(frozen=True)
class MarketView:
    """``touches`` are usable quotes by symbol and venue; ``listings`` reads instruments of some symbols when asked."""

    symbols: Sequence[str]
    touches: Touches
    bases: BasisTable
    listings: Callable[[Sequence[str]], Listings]
    now: datetime


class Plugin(Protocol):
    """The interface that a strategy fills; risk keeps its switches and budgets under the same name."""

    name: str
    title: str
    enabled_at_first: bool

    def propose(self, market: MarketView) -> Sequence[Pair]:
        """Pairs worth their full costs, best first; no side effects, no orders."""
        ...

    def holding_seconds(self, longest: int | None) -> int:
        """How long a hedge is expected to stand: funding is counted over it. ``longest`` is MAX_HOLDING_SEC."""
        ...

    def exit_reason(self, facts: ExitFacts, rules: ExitRules, *, now: datetime) -> str | None:
        """Why this hedge closes now, or None: keep it."""
        ...
