"""Instrument rows follow the venue: listings, fees, funding, volumes, and what disappears."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from propbot.clock import utc_now
from propbot.config import values
from trading.models import Instrument
from trading.quotes import board
from trading.services import instruments
from trading.venues.base import FeeInfo, FundingInfo, InstrumentInfo, Quote

pytestmark = pytest.mark.django_db


def info(symbol: str = "BTCUSDT", **changes: object) -> InstrumentInfo:
    fields: dict[str, object] = {
        "symbol": symbol,
        "venue_symbol": symbol,
        "active": True,
        "tick_size": Decimal("0.1"),
        "lot_size": Decimal("0.001"),
        "min_quantity": Decimal("0.001"),
        "max_quantity": None,
        "min_notional_usdt": Decimal(100),
        "contract_size": Decimal(1),
        "max_leverage": None,
    }
    return InstrumentInfo(**(fields | changes))  # type: ignore[arg-type]


def store(*infos: InstrumentInfo, leverages: dict[str, Decimal] | None = None) -> int:
    return instruments.store_instruments("binance-um", infos, leverages, now=utc_now())


def row(symbol: str = "BTCUSDT") -> Instrument:
    return Instrument.objects.get(venue="binance-um", symbol=symbol)


def test_a_refresh_changes_rows_and_keeps_what_it_does_not_know() -> None:
    store(info(), leverages={"BTCUSDT": Decimal(125)})
    store(info(tick_size=Decimal("0.5")), leverages=None)
    assert row().tick_size == Decimal("0.5")
    assert row().max_leverage == 125


def test_what_the_venue_no_longer_lists_becomes_inactive_and_stays() -> None:
    assert store(info(), info("ETHUSDT")) == 2
    store(info("ETHUSDT"))
    assert not row().active
    assert row("ETHUSDT").active


def test_fees_are_the_venues_unless_a_setting_overrides_the_taker_fee() -> None:
    store(info())
    fees = [FeeInfo("BTCUSDT", Decimal("4.5"), Decimal("1.8"))]
    instruments.store_fees("binance-um", fees, now=utc_now())
    assert (row().taker_fee_bps, row().maker_fee_bps) == (Decimal("4.5"), Decimal("1.8"))
    with override_settings(PROPBOT=values().replace(TAKER_FEE_BPS_BINANCE=Decimal(7))):
        instruments.store_fees("binance-um", fees, now=utc_now())
    assert row().taker_fee_bps == 7


def test_a_settlement_in_the_past_is_stored_as_unknown() -> None:
    store(info())
    past = FundingInfo("BTCUSDT", Decimal("-0.0003"), utc_now() - timedelta(seconds=1), Decimal(4))
    instruments.store_funding("binance-um", [past], now=utc_now())
    assert row().next_funding_at is None
    assert (row().funding_rate, row().funding_interval_hours) == (Decimal("-0.0003"), 4)


def test_volumes_are_stored_for_known_symbols_only() -> None:
    store(info())
    assert instruments.store_volumes("binance-um", {"BTCUSDT": Decimal(5), "XUSDT": Decimal(6)}) == 1
    assert row().volume_24h_usdt == 5


def test_the_paper_broker_has_no_market_without_known_fees() -> None:
    store(info())
    quote = Quote("binance-um", "BTCUSDT", Decimal(1), Decimal(1), Decimal(2), Decimal(1), None, utc_now())
    board().put([quote])
    assert instruments.PaperMarkets("binance-um", board()).read("BTCUSDT").view is None
    instruments.store_fees("binance-um", [FeeInfo("BTCUSDT", Decimal(5), Decimal(2))], now=utc_now())
    market = instruments.PaperMarkets("binance-um", board()).read("BTCUSDT")
    assert market.view == quote
    assert market.taker_fee_bps == 5
