"""Market data and numbers (RELIABILITY C) where no test of the venues' or the quotes' own says it already."""

from decimal import Decimal

from trading.venues.base import InstrumentInfo
from trading.venues.dialect import Listing, Listings, base_symbol

D = Decimal


def listed(symbol: str, venue_symbol: str, contract_size: str = "1") -> Listing:
    info = InstrumentInfo(
        symbol=symbol,
        venue_symbol=venue_symbol,
        active=True,
        tick_size=D("0.0000001"),
        lot_size=D(contract_size),
        min_quantity=D(contract_size),
        max_quantity=None,
        min_notional_usdt=None,
        contract_size=D(contract_size),
        max_leverage=None,
    )
    return Listing(info=info, unified=f"{symbol}:USDT")


def test_c5_a_contract_of_a_thousand_is_another_symbol() -> None:
    """Binance lists 1000PEPE, OKX PEPE: one unit of the first is a thousand of the second, so they never pair."""
    binance, okx = Listings("binance-um"), Listings("okx-perp")
    thousand = base_symbol({"base": "1000PEPE", "quote": "USDT"})
    plain = base_symbol({"base": "PEPE", "quote": "USDT"})
    binance.replace([listed(thousand, "1000PEPEUSDT")])
    okx.replace([listed(plain, "PEPE-USDT-SWAP", "10000000")])
    assert (thousand, plain) == ("1000PEPEUSDT", "PEPEUSDT")
    assert binance.by_symbol.keys() & okx.by_symbol.keys() == set()
    assert binance.of_row("PEPEUSDT") is None
