"""The venues' grids as rows have them, for the pure sizing."""

from trading.models import Instrument
from trading.sizing import Grid


def grid_of(instrument: Instrument) -> Grid:
    return Grid(
        tick_size=instrument.tick_size,
        lot_size=instrument.lot_size,
        min_quantity=instrument.min_quantity,
        max_quantity=instrument.max_quantity,
        min_notional_usdt=instrument.min_notional_usdt,
    )


def symbol_grids(symbol: str) -> dict[str, Grid]:
    """Each venue's grid of one symbol; a venue without a row is absent, and nothing is sized there."""
    return {row.venue: grid_of(row) for row in Instrument.objects.filter(symbol=symbol)}
