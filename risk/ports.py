"""What risk needs to know of trading, as callables that trading registers when Django is ready.

Risk never imports trading (ARCHITECTURE): the arrow points down because the protocol lives here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from risk.intents import ExecutionFigures, ExposureSnapshot, PnlFigures, StrategyPnl, VenueFigures
from risk.var import BookLine


@dataclass(frozen=True)
class TradingPorts:
    """Each reads committed rows and raises when it cannot: an unread figure blocks, it is never zero.

    ``exposure`` counts hedges that are open, partial or closing, real ones only: what is opening or unresolved is
    counted by risk's reservations. Its ``open_orders`` counts planned, sending, unknown and open real orders.
    ``in_flight`` names opening orders that are sending or unknown. ``book`` gives the open book with the moves of
    its basis, for value at risk; None while trading keeps no such history. ``simulated_exposure`` is the same
    snapshot over simulated hedges, only ever shown (law 10). ``strategies`` is the part of ``pnl`` that budgets need.
    """

    exposure: Callable[[], ExposureSnapshot]
    pnl: Callable[[datetime], PnlFigures]
    venues: Callable[[], list[VenueFigures]]
    execution: Callable[[datetime], ExecutionFigures]
    in_flight: Callable[[], list[str]]
    unproven_orders: Callable[[], int]
    reconciliation_clean_rounds: Callable[[int], int]
    book: Callable[[datetime], Sequence[BookLine]] | None = None
    simulated_exposure: Callable[[], ExposureSnapshot] | None = None
    strategies: Callable[[datetime], Mapping[str, StrategyPnl]] | None = None


class PortsNotRegisteredError(RuntimeError):
    """Trading has not registered its ports: no figure is known, so nothing may open."""


_registered: list[TradingPorts] = []


def register(ports: TradingPorts) -> None:
    """Called once by trading's AppConfig.ready; the last registration wins (tests replace it)."""
    _registered[:] = [ports]


def ports() -> TradingPorts:
    if not _registered:
        raise PortsNotRegisteredError("trading has not registered its ports")
    return _registered[0]
