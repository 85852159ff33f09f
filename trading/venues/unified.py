"""Any ccxt exchange with linear perpetuals, through ccxt's unified methods and nothing else.

The exchange runs with ``number=str``, so that unified structures hold the venue's own digits. Whoever
wants a venue's codes to prove refusals adds a table to errors.py; without one an error proves nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.venues import parsing
from trading.venues.base import (
    Book,
    FeeInfo,
    FundingInfo,
    InstrumentInfo,
    Mark,
    OrderRequest,
    Outcome,
    OutcomeKind,
    Quote,
    VenueAccount,
    VenueError,
    VenueFill,
    VenueLedgerRow,
    VenueOrder,
    VenueOrderStatus,
    VenuePosition,
    VenueStatus,
)
from trading.venues.dialect import BPS, Finding, Listing, Listings, as_quote, base_symbol, now
from trading.venues.wire import Wire

STATUS = {
    "open": VenueOrderStatus.OPEN,
    "closed": VenueOrderStatus.FILLED,
    "canceled": VenueOrderStatus.CANCELED,
    "expired": VenueOrderStatus.EXPIRED,
    "rejected": VenueOrderStatus.REJECTED,
}
SIDE = {"buy": "buy", "sell": "sell"}
TIME_IN_FORCE: dict[str, dict[str, Any]] = {"ioc": {"timeInForce": "IOC"}, "gtc": {}, "post_only": {"postOnly": True}}
QUOTE_FIELDS = ("bid", "bidVolume", "ask", "askVolume")


def _structures(raw: object) -> list[parsing.Row]:
    """A list of unified structures, or a table of them by symbol."""
    return parsing.rows(list(raw.values()) if isinstance(raw, dict) else raw)


class UnifiedDialect:
    def __init__(self, wire: Wire, listings: Listings) -> None:
        self._wire, self._listings = wire, listings

    def instrument(self, market: Mapping[str, Any]) -> InstrumentInfo:
        contract_size = parsing.positive(market, "contractSize")
        limits, precision = market["limits"], market["precision"]
        smallest = parsing.optional_price(limits["amount"], "min")
        largest = parsing.optional_price(limits["amount"], "max")
        lot = parsing.positive(precision, "amount") * contract_size
        return InstrumentInfo(
            symbol=base_symbol(market),
            venue_symbol=parsing.text(market, "id"),
            active=market.get("active") is not False,
            tick_size=parsing.positive(precision, "price"),
            lot_size=lot,
            min_quantity=lot if smallest is None else smallest * contract_size,
            max_quantity=None if largest is None else largest * contract_size,
            min_notional_usdt=parsing.optional_price(limits["cost"], "min"),
            contract_size=contract_size,
            max_leverage=parsing.optional_price(limits["leverage"], "max"),
        )

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        params: dict[str, Any] = {"clientOrderId": request.client_order_id}
        if request.order_type != "market":
            params |= TIME_IN_FORCE[request.time_in_force]
        if request.reduce_only:
            params["reduceOnly"] = True
        return params

    def order(self, row: parsing.Row, listing: Listing) -> VenueOrder:
        return VenueOrder(
            client_order_id=parsing.text(row, "clientOrderId"),
            venue_order_id=parsing.text(row, "id"),
            symbol=listing.info.symbol,
            status=parsing.one_of(row, "status", STATUS),
            side=parsing.one_of(row, "side", SIDE),
            quantity=parsing.positive(row, "amount") * listing.contract_size,
            filled_quantity=parsing.not_negative(row, "filled") * listing.contract_size,
            average_price=parsing.optional_price(row, "average"),
            limit_price=parsing.optional_price(row, "price"),
            reduce_only=row.get("reduceOnly") is True,
            updated_at=parsing.optional_moment(row, "timestamp"),
        )

    def order_in_answer(self, body: str, listing: Listing) -> VenueOrder | None:
        return None

    async def fetch_order(self, listing: Listing, client_order_id: str) -> VenueOrder | None:
        """Never None: without a table of codes no answer proves that the venue does not know an id."""
        raw = await self._wire.call("fetch_order", None, listing.unified, {"clientOrderId": client_order_id})
        return self.order(parsing.row(raw), listing)

    async def open_orders(self, listing: Listing | None) -> list[VenueOrder]:
        raw = await self._wire.call("fetch_open_orders", listing.unified if listing else None)
        return [self.order(row, self._by_unified(row)) for row in parsing.rows(raw)]

    def _by_unified(self, row: parsing.Row) -> Listing:
        found = [one for one in self._listings.by_symbol.values() if one.unified == row.get("symbol")]
        if not found:
            raise parsing.FieldError(f"{str(row.get('symbol'))[:40]!r} is not a listed instrument")
        return found[0]

    async def cause(self, listing: Listing, venue_order_id: str) -> str:
        """The unified order has no word for it."""
        return ""

    async def fills(self, listing: Listing, since: datetime) -> list[VenueFill]:
        raw = await self._wire.call("fetch_my_trades", listing.unified, parsing.epoch_ms(since))
        return [self._fill(row, listing) for row in parsing.rows(raw)]

    def _fill(self, row: parsing.Row, listing: Listing) -> VenueFill:
        fee = parsing.row(row.get("fee"))
        if fee.get("currency") != "USDT":
            raise parsing.FieldError(f"a fee in {fee.get('currency')} cannot be booked in USDT")
        return VenueFill(
            trade_id=parsing.text(row, "id"),
            venue_order_id=parsing.text(row, "order"),
            client_order_id="",
            symbol=listing.info.symbol,
            side=parsing.one_of(row, "side", SIDE),
            quantity=parsing.positive(row, "amount") * listing.contract_size,
            price=parsing.positive(row, "price"),
            fee_usdt=parsing.number(fee, "cost"),
            is_maker=row.get("takerOrMaker") == "maker",
            filled_at=parsing.moment(row, "timestamp"),
        )

    async def positions(self) -> list[VenuePosition]:
        rows = parsing.rows(await self._wire.call("fetch_positions"))
        return [self._position(row) for row in rows if parsing.optional_price(row, "contracts") is not None]

    def _position(self, row: parsing.Row) -> VenuePosition:
        listing = self._by_unified(row)
        sign = parsing.one_of(row, "side", {"long": 1, "short": -1})
        return VenuePosition(
            symbol=listing.info.symbol,
            quantity=sign * parsing.positive(row, "contracts") * listing.contract_size,
            entry_price=parsing.optional_price(row, "entryPrice"),
            mark_price=parsing.optional_price(row, "markPrice"),
            liquidation_price=parsing.optional_price(row, "liquidationPrice"),
            unrealized_pnl_usdt=parsing.optional_number(row, "unrealizedPnl"),
        )

    async def account(self) -> VenueAccount:
        raw = parsing.row(await self._wire.call("fetch_balance"))
        usdt = parsing.row(raw.get("USDT"))
        total = parsing.number(usdt, "total")
        return VenueAccount(total, total, parsing.number(usdt, "free"), None, now())

    async def ledger(self, since: datetime) -> list[VenueLedgerRow]:
        raw = await self._wire.call("fetch_funding_history", None, parsing.epoch_ms(since))
        return [
            VenueLedgerRow(
                reference=parsing.text(row, "id"),
                kind="funding",
                symbol=self._by_unified(row).info.symbol,
                amount=parsing.number(row, "amount"),
                currency=parsing.text(row, "code"),
                at=parsing.moment(row, "timestamp"),
            )
            for row in parsing.rows(raw)
        ]

    async def fee(self, listing: Listing) -> FeeInfo:
        raw = parsing.row(await self._wire.call("fetch_trading_fee", listing.unified))
        return FeeInfo(listing.info.symbol, parsing.number(raw, "taker") * BPS, parsing.number(raw, "maker") * BPS)

    async def funding(self, listings: Sequence[Listing]) -> list[FundingInfo]:
        return [await self._funding(listing) for listing in listings]

    async def _funding(self, listing: Listing) -> FundingInfo:
        raw = parsing.row(await self._wire.call("fetch_funding_rate", listing.unified))
        interval = str(raw.get("interval") or "")
        hours = parsing.decimal_of(interval[:-1], "interval") if interval.endswith("h") else None
        return FundingInfo(
            symbol=listing.info.symbol,
            rate=parsing.number(raw, "fundingRate"),
            next_at=parsing.optional_moment(raw, "fundingTimestamp"),
            interval_hours=hours,
        )

    async def _tickers(self, listings: Sequence[Listing]) -> list[tuple[parsing.Row, Listing]]:
        asked = {listing.unified: listing for listing in listings}
        rows = _structures(await self._wire.call("fetch_tickers", list(asked)))
        return [(row, asked[row["symbol"]]) for row in rows if row.get("symbol") in asked]

    async def quotes(self, listings: Sequence[Listing]) -> list[Quote]:
        return [
            as_quote(self._wire.venue, listing, row, QUOTE_FIELDS, parsing.optional_moment(row, "timestamp"))
            for row, listing in await self._tickers(listings)
        ]

    async def marks(self, listings: Sequence[Listing]) -> list[Mark]:
        return [await self._mark(listing) for listing in listings]

    async def _mark(self, listing: Listing) -> Mark:
        raw = parsing.row(await self._wire.call("fetch_funding_rate", listing.unified))
        return Mark(
            venue=self._wire.venue,
            symbol=listing.info.symbol,
            mark_price=parsing.positive(raw, "markPrice"),
            venue_at=parsing.optional_moment(raw, "timestamp"),
            received_at=now(),
        )

    async def book(self, listing: Listing, depth: int) -> Book:
        raw = parsing.row(await self._wire.call("fetch_order_book", listing.unified, depth))
        sides = [[[str(price), str(size)] for price, size, *_ in raw.get(side, [])] for side in ("bids", "asks")]
        bids, asks = (parsing.levels(side, listing.contract_size) for side in sides)
        return Book(
            venue=self._wire.venue,
            symbol=listing.info.symbol,
            bids=bids,
            asks=asks,
            venue_at=parsing.optional_moment(raw, "timestamp"),
            received_at=now(),
        )

    async def volumes(self, listings: Sequence[Listing]) -> dict[str, Decimal]:
        found = [
            (listing, parsing.optional_number(row, "quoteVolume")) for row, listing in await self._tickers(listings)
        ]
        return {listing.info.symbol: volume for listing, volume in found if volume is not None}

    async def max_leverages(self) -> dict[str, Decimal]:
        return {}

    async def server_time(self) -> datetime:
        value = await self._wire.call("fetch_time")
        return parsing.moment({"time": value}, "time")

    async def status(self) -> VenueStatus:
        raw = parsing.row(await self._wire.call("fetch_status"))
        return VenueStatus(maintenance=raw.get("status") != "ok", text=str(raw.get("status"))[:200])

    async def findings(self) -> list[Finding]:
        """Position mode is readable on many venues, key rights on none through the unified methods."""
        try:
            raw = parsing.row(await self._wire.call("fetch_position_mode"))
        except VenueError as error:
            return [Finding("position_mode", None, f"the position mode cannot be read: {error.code}")]
        hedged = raw.get("hedged") is not False
        problem = "the account is in hedge mode: set one-way mode" if hedged else ""
        return [Finding("position_mode", "hedge" if hedged else "one_way", problem)]

    async def arm(self, listings: Sequence[Listing], seconds: float) -> Outcome:
        answer = await self._wire.mutate(
            "cancel_all_orders_after", int(timedelta(seconds=seconds).total_seconds() * 1000)
        )
        proved = answer.status is not None and answer.status < 300 and not answer.trouble
        return Outcome(OutcomeKind.ACCEPTED if proved else OutcomeKind.UNKNOWN, text=answer.trouble)
