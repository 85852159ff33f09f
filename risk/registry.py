"""The strategies that may propose, and the interface behind which they do (SPEC 7).

A strategy proposes intents; only the engine trades. Trading registers the code, risk keeps its switches and budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

DEFAULT_STRATEGY = "cross_exchange_arb"


class Proposer(Protocol):
    """What a strategy must be able to do: look at the market it is given and name what it would open."""

    name: str

    def propose(self, market: Any) -> Sequence[Any]:
        """Candidates, best first; no side effects, no orders."""
        ...


@dataclass(frozen=True)
class StrategyEntry:
    name: str
    title: str
    proposer: Proposer | None = None
    enabled_at_first: bool = True


_registered: dict[str, StrategyEntry] = {
    DEFAULT_STRATEGY: StrategyEntry(DEFAULT_STRATEGY, "Cross-exchange arbitrage"),
}


def strategy_register(entry: StrategyEntry) -> None:
    """Called when Django is ready; the last registration of a name wins."""
    _registered[entry.name] = entry


def strategy_names() -> tuple[str, ...]:
    return tuple(_registered)


def strategy_entry(name: str) -> StrategyEntry:
    """Raises KeyError for what nobody registered."""
    return _registered[name]


def proposers() -> tuple[Proposer, ...]:
    return tuple(entry.proposer for entry in _registered.values() if entry.proposer is not None)
