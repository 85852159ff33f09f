"""The instruments that the simulated venues list.

Units: `tick` in USDT, `lot`, `minimum` and the maxima in base units, `contract_size` in base units
per contract (1 on Binance). Figures of the built-in table: the venues' public instrument lists of
2025-08-22 (Binance USD-M) and 2025-10-02 (OKX swaps); prices are round starting points of the model.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

BINANCE, OKX = "binance-um", "okx-perp"
VENUES = (BINANCE, OKX)


def plain(value: Decimal) -> str:
    """A decimal in positional notation without trailing zeros: venues never send exponents."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals_of(step: Decimal) -> int:
    """How many decimal places a step needs: 0.10 has one."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def fixed(units: int, decimals: int) -> str:
    """`units` of 10**-decimals as text, without floats: fixed(12345, 2) is 123.45."""
    if not decimals:
        return str(units)
    sign, units = ("-", -units) if units < 0 else ("", units)
    whole, rest = divmod(units, 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}d}"


@dataclass(frozen=True)
class Instrument:
    """One linear perpetual on one venue."""

    venue: str
    symbol: str
    venue_id: str
    base: str
    tick: Decimal
    lot: Decimal
    minimum: Decimal
    max_limit: Decimal
    max_market: Decimal
    min_notional: Decimal
    contract_size: Decimal
    max_leverage: int
    linear: bool = True
    quote: str = "USDT"
    raw: dict[str, Any] | None = field(default=None, compare=False, hash=False)

    @cached_property
    def tick_decimals(self) -> int:
        return decimals_of(self.tick)

    @cached_property
    def _tick_units(self) -> int:
        return int(self.tick.scaleb(self.tick_decimals))

    @cached_property
    def venue_lot(self) -> Decimal:
        """The lot in the venue's own unit: contracts on OKX, base units on Binance."""
        return self.lot / self.contract_size

    @cached_property
    def tick_value(self) -> float:
        """For market states, never for money."""
        return float(self.tick)

    @cached_property
    def lot_value(self) -> float:
        return float(self.lot)

    @cached_property
    def _lot_decimals(self) -> int:
        return decimals_of(self.venue_lot)

    @cached_property
    def _lot_units(self) -> int:
        return int(self.venue_lot.scaleb(self._lot_decimals))

    def price_text(self, ticks: int) -> str:
        return fixed(ticks * self._tick_units, self.tick_decimals)

    def size_text(self, lots: int) -> str:
        """A size in the venue's own unit."""
        return fixed(lots * self._lot_units, self._lot_decimals)

    def price(self, ticks: int) -> Decimal:
        return ticks * self.tick

    def quantity(self, lots: int) -> Decimal:
        """Base units of so many lots."""
        return lots * self.lot

    def ticks(self, price: Decimal) -> int:
        """The price in ticks, rounded down."""
        return int(price // self.tick)

    def lots(self, quantity: Decimal) -> int:
        """The quantity in lots, rounded down."""
        return int(quantity // self.lot)

    def to_venue(self, quantity: Decimal) -> Decimal:
        return quantity / self.contract_size

    def to_base(self, size: Decimal) -> Decimal:
        return size * self.contract_size


class Listing(NamedTuple):
    """One row of the built-in table. OKX sizes are in contracts; daily volatility is relative to BTC."""

    base: str
    price: str
    binance_tick: str
    binance_lot: str
    binance_max: str
    binance_max_market: str
    min_notional: str
    okx_contract: str
    okx_lot: str
    okx_tick: str
    okx_max_market: str
    okx_leverage: int
    volatility: float
    touch_usdt: float


LISTINGS = (
    Listing("BTC", "88000", "0.1", "0.001", "1000", "120", "100", "0.01", "0.01", "0.1", "12000", 100, 1.0, 500_000),
    Listing("ETH", "2970", "0.01", "0.001", "10000", "2000", "20", "0.1", "0.01", "0.01", "20000", 100, 1.57, 250_000),
    Listing("SOL", "125", "0.01", "0.01", "1000000", "5000", "5", "1", "0.01", "0.01", "15000", 50, 1.9, 150_000),
    Listing(
        "XRP", "1.85", "0.0001", "0.1", "10000000", "2000000", "5", "100", "0.01", "0.0001", "15000", 50, 1.8, 100_000
    ),
    Listing(
        "DOGE", "0.12", "0.00001", "1", "50000000", "30000000", "5", "1000", "0.01", "0.00001", "12000", 50, 2.0, 80_000
    ),
    Listing("LINK", "12.4", "0.001", "0.01", "200000", "20000", "20", "1", "0.1", "0.001", "55000", 50, 2.0, 60_000),
    Listing("ADA", "0.35", "0.0001", "1", "6000000", "1300000", "5", "100", "0.1", "0.0001", "10000", 50, 2.0, 60_000),
    Listing("AVAX", "12.3", "0.001", "1", "100000", "5000", "5", "1", "0.1", "0.001", "15000", 50, 2.1, 60_000),
    Listing("LTC", "77", "0.01", "0.001", "10000", "5000", "20", "1", "0.1", "0.01", "10000", 50, 1.7, 60_000),
    Listing("BCH", "590", "0.01", "0.001", "10000", "850", "20", "0.1", "0.1", "0.1", "20000", 50, 1.7, 60_000),
    Listing("DOT", "1.75", "0.001", "0.1", "1000000", "50000", "5", "1", "1", "0.001", "70000", 50, 2.1, 60_000),
    Listing("BNB", "860", "0.01", "0.01", "100000", "2000", "5", "0.01", "1", "0.1", "100000", 50, 1.3, 80_000),
)


def extra_listings(count: int) -> tuple[Listing, ...]:
    """Synthetic symbols for load tests: S001, S002, …, labelled synthetic wherever they are listed."""
    return tuple(
        Listing(
            f"S{number:03d}",
            str(10 + number % 90),
            "0.001",
            "0.1",
            "1000000",
            "100000",
            "5",
            "1",
            "0.1",
            "0.001",
            "100000",
            50,
            2.0,
            60_000,
        )
        for number in range(1, count + 1)
    )


def binance_instrument(row: Listing) -> Instrument:
    lot = Decimal(row.binance_lot)
    return Instrument(
        venue=BINANCE,
        symbol=row.base + "USDT",
        venue_id=row.base + "USDT",
        base=row.base,
        tick=Decimal(row.binance_tick),
        lot=lot,
        minimum=lot,
        max_limit=Decimal(row.binance_max),
        max_market=Decimal(row.binance_max_market),
        min_notional=Decimal(row.min_notional),
        contract_size=Decimal(1),
        max_leverage=125 if row.base in ("BTC", "ETH") else 75,
    )


def okx_instrument(row: Listing) -> Instrument:
    contract = Decimal(row.okx_contract)
    lot = Decimal(row.okx_lot) * contract
    return Instrument(
        venue=OKX,
        symbol=row.base + "USDT",
        venue_id=f"{row.base}-USDT-SWAP",
        base=row.base,
        tick=Decimal(row.okx_tick),
        lot=lot,
        minimum=lot,
        max_limit=Decimal(100_000_000) * contract,
        max_market=Decimal(row.okx_max_market) * contract,
        min_notional=Decimal(0),
        contract_size=contract,
        max_leverage=row.okx_leverage,
    )


def from_exchange_info(row: dict[str, Any]) -> Instrument:
    """An instrument from one row of a recorded Binance exchangeInfo."""
    filters = {item["filterType"]: item for item in row["filters"]}
    lot = filters["LOT_SIZE"]
    return Instrument(
        venue=BINANCE,
        symbol=row["symbol"],
        venue_id=row["symbol"],
        base=row["baseAsset"],
        tick=Decimal(filters["PRICE_FILTER"]["tickSize"]),
        lot=Decimal(lot["stepSize"]),
        minimum=Decimal(lot["minQty"]),
        max_limit=Decimal(lot["maxQty"]),
        max_market=Decimal(filters.get("MARKET_LOT_SIZE", lot)["maxQty"]),
        min_notional=Decimal(filters.get("MIN_NOTIONAL", {"notional": "5"})["notional"]),
        contract_size=Decimal(1),
        max_leverage=125 if row["baseAsset"] in ("BTC", "ETH") else 75,
        linear=row["quoteAsset"] == row["marginAsset"],
        quote=row["quoteAsset"],
        raw=row,
    )


def okx_symbol(inst_id: str) -> str:
    """BTC-USDT-SWAP is BTCUSDT; whatever is not a USDT swap keeps its own id."""
    return inst_id.removesuffix("-SWAP").replace("-", "") if inst_id.endswith("-USDT-SWAP") else inst_id


def from_okx_row(row: dict[str, Any]) -> Instrument:
    """An instrument from one row of OKX's recorded public/instruments."""
    inst_id = row["instId"]
    parts = inst_id.split("-")
    contract = Decimal(row.get("ctVal") or "1")
    lot = Decimal(row["lotSz"]) * contract
    largest = Decimal(row.get("maxMktSz") or "1000000") * contract
    return Instrument(
        venue=OKX,
        symbol=okx_symbol(inst_id),
        venue_id=inst_id,
        base=parts[0],
        tick=Decimal(row["tickSz"]),
        lot=lot,
        minimum=Decimal(row["minSz"]) * contract,
        max_limit=Decimal(row.get("maxLmtSz") or "100000000") * contract,
        max_market=largest,
        min_notional=Decimal(0),
        contract_size=contract,
        max_leverage=int(Decimal(row.get("lever") or "1")),
        linear=row["instType"] == "SWAP" and row.get("ctType") == "linear",
        quote=parts[1] if len(parts) > 1 else "",
        raw=row,
    )


def builtin(symbols: Iterable[str] | None, extra: int) -> list[tuple[Listing, Instrument, Instrument]]:
    """The chosen rows of the table with both venues' instruments."""
    wanted = None if symbols is None else set(symbols)
    rows = [row for row in LISTINGS if wanted is None or row.base + "USDT" in wanted]
    return [(row, binance_instrument(row), okx_instrument(row)) for row in (*rows, *extra_listings(extra))]
