"""The admin of the trading floor: everything to look at, nothing to change."""

from trading.admin import hedges, market, records

__all__ = ["hedges", "market", "records"]
