"""Instruments of a replay: the venues' recorded lists where there are any, else the built-in table."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading.simulator.instruments import (
    BINANCE,
    LISTINGS,
    OKX,
    Instrument,
    Listing,
    binance_instrument,
    from_exchange_info,
    from_okx_row,
    okx_instrument,
    okx_symbol,
)
from trading.simulator.replay.capture import Captured
from trading.simulator.replay.series import opened

DATE = re.compile(r"(20\d{6})")


@dataclass(frozen=True)
class MarketList:
    venue: str
    date: int
    path: Path

    def rows(self) -> list[dict[str, Any]]:
        """Well-formed rows only: real lists hold placeholders without an id."""
        with opened(self.path) as file:
            document = json.load(file)
        found = document.get("symbols" if self.venue == BINANCE else "data", [])
        return [row for row in found if row.get("symbol" if self.venue == BINANCE else "instId")]


def market_lists(root: Path) -> list[MarketList]:
    """All recorded lists under the replayed path, or in a markets folder beside it."""
    folders = [root if root.is_dir() else root.parent, root.parent / "markets", root.parent.parent / "markets"]
    paths = {path for folder in folders if folder.is_dir() for path in folder.rglob("*.json*")}
    lists = []
    for path in sorted(paths):
        date = DATE.search(path.name)
        if date and "exchangeInfo" in path.name:
            lists.append(MarketList(BINANCE, int(date[1]), path))
        elif date and "public_instruments" in path.name:
            lists.append(MarketList(OKX, int(date[1]), path))
    return lists


class Instruments:
    """Finds the instrument as it was listed nearest to a day (YYYYMMDD)."""

    def __init__(self, root: Path) -> None:
        self._lists = market_lists(root)
        self._rows: dict[Path, dict[str, dict[str, Any]]] = {}

    def _index(self, one: MarketList) -> dict[str, dict[str, Any]]:
        if one.path not in self._rows:
            name = "symbol" if one.venue == BINANCE else "instId"
            self._rows[one.path] = {row[name]: row for row in one.rows()}
        return self._rows[one.path]

    def find(self, venue: str, venue_id: str, day: int) -> Instrument | None:
        for one in sorted((one for one in self._lists if one.venue == venue), key=lambda one: abs(one.date - day)):
            row = self._index(one).get(venue_id)
            if row is not None:
                return from_exchange_info(row) if venue == BINANCE else from_okx_row(row)
        return self._builtin(venue, venue_id)

    @staticmethod
    def _builtin(venue: str, venue_id: str) -> Instrument | None:
        make = binance_instrument if venue == BINANCE else okx_instrument
        return next((one for one in map(make, LISTINGS) if one.venue_id == venue_id), None)


def listing_of(base: str) -> Listing:
    """The model's figures of a base currency; those of LINK for one that the table does not hold."""
    return next((row for row in LISTINGS if row.base == base), next(row for row in LISTINGS if row.base == "LINK"))


def guessed(venue: str, captured: Captured) -> Instrument | None:
    """For a USDT perpetual that no list holds: the grid that its capture shows, one unit per contract."""
    venue_id = captured.venue_id
    if not venue_id.endswith("USDT" if venue == BINANCE else "-USDT-SWAP"):
        return None
    symbol = venue_id if venue == BINANCE else okx_symbol(venue_id)
    lot = captured.lot()
    return Instrument(
        venue=venue,
        symbol=symbol,
        venue_id=venue_id,
        base=symbol.removesuffix("USDT"),
        tick=captured.tick(),
        lot=lot,
        minimum=lot,
        max_limit=Decimal(10_000_000),
        max_market=Decimal(1_000_000),
        min_notional=Decimal(5) if venue == BINANCE else Decimal(0),
        contract_size=Decimal(1),
        max_leverage=20,
    )
