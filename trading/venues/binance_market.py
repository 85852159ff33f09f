"""Binance USD-M's public side: instruments, prices, funding, status. Fields: VENUES.md sections 2, 3, 8."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.venues import parsing
from trading.venues.base import (
    Book,
    FundingInfo,
    InstrumentInfo,
    Mark,
    Quote,
    VenueStatus,
)
from trading.venues.dialect import Listing, Listings, as_quote, base_symbol, now, wanted
from trading.venues.wire import Wire

DEFAULT_FUNDING_HOURS = Decimal(8)  # fundingInfo lists only symbols that differ (VENUES 8.1)
WEEK_HOURS = 168  # far beyond any interval; more is no answer
BOOK_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
QUOTE_FIELDS = ("bidPrice", "bidQty", "askPrice", "askQty")
MANY = 20  # above so many symbols one call for all is cheaper than one each


def _filters(info: parsing.Row) -> dict[str, parsing.Row]:
    return {str(row.get("filterType")): row for row in parsing.rows(info.get("filters"))}


class BinanceMarket:
    """Public data: no key is needed for any of it."""

    def __init__(self, wire: Wire, listings: Listings) -> None:
        self._wire, self._listings = wire, listings

    def instrument(self, market: Mapping[str, Any]) -> InstrumentInfo:
        info = parsing.row(market["info"])
        filters = _filters(info)
        lot, at_market = filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", filters["LOT_SIZE"])
        notional = filters.get("MIN_NOTIONAL")
        return InstrumentInfo(
            symbol=base_symbol(market),
            venue_symbol=parsing.text(info, "symbol"),
            active=info.get("status") == "TRADING",
            tick_size=parsing.positive(filters["PRICE_FILTER"], "tickSize"),
            lot_size=max(parsing.positive(lot, "stepSize"), parsing.not_negative(at_market, "stepSize")),
            min_quantity=max(parsing.positive(lot, "minQty"), parsing.not_negative(at_market, "minQty")),
            max_quantity=parsing.positive(at_market, "maxQty"),
            min_notional_usdt=None if notional is None else parsing.positive(notional, "notional"),
            contract_size=Decimal(1),
            max_leverage=None,
        )

    async def _per_symbol(
        self, method: str, listings: Sequence[Listing], *, one: float, every: float
    ) -> list[tuple[parsing.Row, Listing]]:
        """One call each for few symbols, one for all for many."""
        if len(listings) * one > every or len(listings) > MANY:
            return wanted(parsing.rows(await self._wire.call(method, {}, weight=every)), "symbol", listings)
        return [(await self._one(method, listing, one), listing) for listing in listings]

    async def _one(self, method: str, listing: Listing, weight: float) -> parsing.Row:
        asked = {"symbol": listing.info.venue_symbol}
        row = parsing.row(await self._wire.call(method, asked, weight=weight))
        if row.get("symbol") != listing.info.venue_symbol:
            raise parsing.FieldError(f"{str(row.get('symbol'))[:40]!r} was answered for {listing.info.venue_symbol}")
        return row

    async def funding(self, listings: Sequence[Listing]) -> list[FundingInfo]:
        rows = await self._per_symbol("fapiPublicGetPremiumIndex", listings, one=1, every=10)
        hours = await self._funding_hours()
        return [self._funding(row, listing, hours) for row, listing in rows]

    async def _funding_hours(self) -> dict[str, Decimal]:
        raw = parsing.rows(await self._wire.call("fapiPublicGetFundingInfo", {}))
        return {str(row.get("symbol")): Decimal(parsing.count(row, "fundingIntervalHours", WEEK_HOURS)) for row in raw}

    def _funding(self, row: parsing.Row, listing: Listing, hours: Mapping[str, Decimal]) -> FundingInfo:
        return FundingInfo(
            symbol=listing.info.symbol,
            rate=parsing.number(row, "lastFundingRate"),
            next_at=parsing.optional_moment(row, "nextFundingTime"),
            interval_hours=hours.get(listing.info.venue_symbol, DEFAULT_FUNDING_HOURS),
        )

    async def quotes(self, listings: Sequence[Listing]) -> list[Quote]:
        rows = await self._per_symbol("fapiPublicGetTickerBookTicker", listings, one=2, every=5)
        return [
            as_quote(self._wire.venue, listing, row, QUOTE_FIELDS, parsing.optional_moment(row, "time"))
            for row, listing in rows
        ]

    async def marks(self, listings: Sequence[Listing]) -> list[Mark]:
        rows = await self._per_symbol("fapiPublicGetPremiumIndex", listings, one=1, every=10)
        return [
            Mark(
                venue=self._wire.venue,
                symbol=listing.info.symbol,
                mark_price=parsing.positive(row, "markPrice"),
                venue_at=parsing.optional_moment(row, "time"),
                received_at=now(),
            )
            for row, listing in rows
        ]

    async def book(self, listing: Listing, depth: int) -> Book:
        limit = next((size for size in BOOK_DEPTHS if size >= depth), BOOK_DEPTHS[-1])
        asked = {"symbol": listing.info.venue_symbol, "limit": limit}
        raw = parsing.row(await self._wire.call("fapiPublicGetDepth", asked, weight=2 if limit <= 50 else 20))
        return Book(
            venue=self._wire.venue,
            symbol=listing.info.symbol,
            bids=parsing.levels(raw.get("bids"), Decimal(1))[:depth],
            asks=parsing.levels(raw.get("asks"), Decimal(1))[:depth],
            venue_at=parsing.optional_moment(raw, "T"),
            received_at=now(),
        )

    async def volumes(self, listings: Sequence[Listing]) -> dict[str, Decimal]:
        rows = await self._per_symbol("fapiPublicGetTicker24hr", listings, one=1, every=40)
        return {listing.info.symbol: parsing.not_negative(row, "quoteVolume") for row, listing in rows}

    async def server_time(self) -> datetime:
        return parsing.moment(parsing.row(await self._wire.call("fapiPublicGetTime", {})), "serverTime")

    async def status(self) -> VenueStatus:
        """System status is of the whole platform; USD-M has none of its own (VENUES 8.8)."""
        raw = parsing.row(await self._wire.call("sapiGetSystemStatus", {}))
        if raw.get("status") not in (0, 1):
            raise parsing.FieldError("status is neither 0 nor 1")
        return VenueStatus(maintenance=raw["status"] == 1, text=str(raw.get("msg") or "")[:200])
