"""OKX swaps' public side: instruments, prices, funding, status. Fields: VENUES.md sections 2, 3, 8."""

import time
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
from trading.venues.wire import Wire, gather_all

QUOTE_FIELDS = ("bidPx", "bidSz", "askPx", "askSz")
SWAP = {"instType": "SWAP"}
MILLISECONDS_PER_HOUR = Decimal(3_600_000)
STATUS_EVERY_SECONDS = 5.0  # system/status may be asked once in five seconds
NOT_OPEN = frozenset({"ongoing", "pre_open"})


def data_of(raw: object) -> list[parsing.Row]:
    """The rows of an answer with code "0"; everything else is no answer."""
    document = parsing.row(raw)
    if document.get("code") != "0":
        raise parsing.FieldError(f"code is {str(document.get('code'))[:20]!r}, not '0'")
    return parsing.rows(document.get("data"))


class OkxMarket:
    """Public data: no key is needed for any of it."""

    def __init__(self, wire: Wire, listings: Listings) -> None:
        self._wire, self._listings = wire, listings
        self._status: tuple[float, VenueStatus] | None = None

    async def _data(self, method: str, asked: Mapping[str, Any], *, weight: float = 1.0) -> list[parsing.Row]:
        return data_of(await self._wire.call(method, dict(asked), weight=weight))

    def instrument(self, market: Mapping[str, Any]) -> InstrumentInfo:
        info = parsing.row(market["info"])
        multiplier = parsing.optional_price(info, "ctMult") or Decimal(1)
        contract_size = parsing.positive(info, "ctVal") * multiplier
        if info.get("ctValCcy") != market["base"]:
            raise parsing.FieldError(f"contracts are counted in {info.get('ctValCcy')}, not in {market['base']}")
        largest = parsing.optional_price(info, "maxMktSz")
        return InstrumentInfo(
            symbol=base_symbol(market),
            venue_symbol=parsing.text(info, "instId"),
            active=info.get("state") == "live",
            tick_size=parsing.positive(info, "tickSz"),
            lot_size=parsing.positive(info, "lotSz") * contract_size,
            min_quantity=parsing.positive(info, "minSz") * contract_size,
            max_quantity=None if largest is None else largest * contract_size,
            min_notional_usdt=None,
            contract_size=contract_size,
            max_leverage=parsing.optional_price(info, "lever"),
        )

    async def funding(self, listings: Sequence[Listing]) -> list[FundingInfo]:
        asked = [{"instId": listing.info.venue_symbol} for listing in listings]
        if len(listings) > 10:
            asked = [{"instId": "ANY"}]
        pages = await gather_all(*(self._data("publicGetPublicFundingRate", one) for one in asked))
        rows = [row for page in pages for row in page]
        return [self._funding(row, listing) for row, listing in wanted(rows, "instId", listings)]

    def _funding(self, row: parsing.Row, listing: Listing) -> FundingInfo:
        """fundingTime is the coming settlement; the interval is the distance to the one after it."""
        next_at = parsing.optional_moment(row, "fundingTime")
        after = parsing.optional_moment(row, "nextFundingTime")
        hours = None
        if next_at is not None and after is not None and after > next_at:
            hours = Decimal(parsing.epoch_ms(after) - parsing.epoch_ms(next_at)) / MILLISECONDS_PER_HOUR
        return FundingInfo(listing.info.symbol, parsing.number(row, "fundingRate"), next_at, hours)

    async def quotes(self, listings: Sequence[Listing]) -> list[Quote]:
        return [
            as_quote(self._wire.venue, listing, row, QUOTE_FIELDS, parsing.optional_moment(row, "ts"))
            for row, listing in await self._tickers(listings)
        ]

    async def _tickers(self, listings: Sequence[Listing]) -> list[tuple[parsing.Row, Listing]]:
        if len(listings) > 2:
            return wanted(await self._data("publicGetMarketTickers", SWAP), "instId", listings)
        asked = [{"instId": listing.info.venue_symbol} for listing in listings]
        pages = await gather_all(*(self._data("publicGetMarketTicker", one) for one in asked))
        return wanted([parsing.only(page) for page in pages], "instId", listings)

    async def marks(self, listings: Sequence[Listing]) -> list[Mark]:
        rows = await self._data("publicGetPublicMarkPrice", SWAP)
        return [
            Mark(
                venue=self._wire.venue,
                symbol=listing.info.symbol,
                mark_price=parsing.positive(row, "markPx"),
                venue_at=parsing.optional_moment(row, "ts"),
                received_at=now(),
            )
            for row, listing in wanted(rows, "instId", listings)
        ]

    async def book(self, listing: Listing, depth: int) -> Book:
        asked = {"instId": listing.info.venue_symbol, "sz": str(min(max(depth, 1), 400))}
        row = parsing.only(await self._data("publicGetMarketBooks", asked))
        return Book(
            venue=self._wire.venue,
            symbol=listing.info.symbol,
            bids=parsing.levels(row.get("bids"), listing.contract_size),
            asks=parsing.levels(row.get("asks"), listing.contract_size),
            venue_at=parsing.optional_moment(row, "ts"),
            received_at=now(),
        )

    async def volumes(self, listings: Sequence[Listing]) -> dict[str, Decimal]:
        """volCcy24h is in base units of a linear swap; its value at the last price is the volume in USDT."""
        return {
            listing.info.symbol: parsing.not_negative(row, "volCcy24h") * parsing.positive(row, "last")
            for row, listing in await self._tickers(listings)
            if row.get("volCcy24h") and row.get("last")
        }

    async def server_time(self) -> datetime:
        return parsing.moment(parsing.only(await self._data("publicGetPublicTime", {})), "ts")

    async def status(self) -> VenueStatus:
        """An ongoing event anywhere in the list is maintenance; ccxt lets the last event win (VENUES 0.3)."""
        if self._status and time.monotonic() - self._status[0] < STATUS_EVERY_SECONDS:
            return self._status[1]
        events = await self._data("publicGetSystemStatus", {}, weight=0)
        running = [event for event in events if event.get("state") in NOT_OPEN]
        text = "; ".join(str(event.get("title") or event.get("state")) for event in running)[:200]
        self._status = (time.monotonic(), VenueStatus(maintenance=bool(running), text=text))
        return self._status[1]
