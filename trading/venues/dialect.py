"""What a venue's dialect must do: turn our questions into calls and raw rows into our words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from trading.venues import parsing
from trading.venues.base import (
    Book,
    FeeInfo,
    FundingInfo,
    InstrumentInfo,
    Mark,
    OrderRequest,
    Outcome,
    Quote,
    VenueAccount,
    VenueError,
    VenueFill,
    VenueLedgerRow,
    VenueOrder,
    VenuePosition,
    VenueStatus,
)
from trading.venues.wire import Wire

BPS = Decimal(10_000)


@dataclass(frozen=True)
class Listing:
    """An instrument and the two names by which ccxt and the venue know it."""

    info: InstrumentInfo
    unified: str

    @property
    def contract_size(self) -> Decimal:
        return self.info.contract_size


@dataclass
class Listings:
    """Symbols of one venue. A 1000x contract is another symbol and never meets the plain one (C5)."""

    venue: str
    by_symbol: dict[str, Listing] = field(default_factory=dict)
    by_venue_symbol: dict[str, Listing] = field(default_factory=dict)

    def replace(self, listings: Sequence[Listing]) -> None:
        self.by_symbol = {listing.info.symbol: listing for listing in listings}
        self.by_venue_symbol = {listing.info.venue_symbol: listing for listing in listings}

    def of(self, symbol: str) -> Listing:
        try:
            return self.by_symbol[symbol]
        except KeyError:
            raise VenueError(self.venue, "unknown_symbol", f"{symbol} is not listed") from None

    def of_row(self, venue_symbol: object) -> Listing | None:
        return self.by_venue_symbol.get(venue_symbol) if isinstance(venue_symbol, str) else None

    def named(self, venue_symbol: object) -> Listing:
        """For money rows, where an unknown instrument must not be skipped in silence."""
        listing = self.of_row(venue_symbol)
        if listing is None:
            raise parsing.FieldError(f"{str(venue_symbol)[:40]!r} is not a listed instrument")
        return listing


@dataclass(frozen=True)
class Finding:
    """One question of the preflight: a fact, and a sentence when it forbids trading."""

    fact: str
    value: object
    problem: str = ""


class Dialect(Protocol):
    """Reads raise VenueError (no answer) or FieldError (unreadable); both are "unknown" to the caller."""

    def __init__(self, wire: Wire, listings: Listings) -> None: ...

    def instrument(self, market: Mapping[str, Any]) -> InstrumentInfo: ...

    def order_params(self, request: OrderRequest) -> dict[str, Any]: ...

    def order(self, row: parsing.Row, listing: Listing) -> VenueOrder: ...

    def order_in_answer(self, body: str, listing: Listing) -> VenueOrder | None: ...

    async def fetch_order(self, listing: Listing, client_order_id: str) -> VenueOrder | None: ...

    async def open_orders(self, listing: Listing | None) -> list[VenueOrder]: ...

    async def fills(self, listing: Listing, since: datetime) -> list[VenueFill]: ...

    async def cause(self, listing: Listing, venue_order_id: str) -> str: ...

    async def positions(self) -> list[VenuePosition]: ...

    async def account(self) -> VenueAccount: ...

    async def ledger(self, since: datetime) -> list[VenueLedgerRow]: ...

    async def fee(self, listing: Listing) -> FeeInfo: ...

    async def funding(self, listings: Sequence[Listing]) -> list[FundingInfo]: ...

    async def quotes(self, listings: Sequence[Listing]) -> list[Quote]: ...

    async def marks(self, listings: Sequence[Listing]) -> list[Mark]: ...

    async def book(self, listing: Listing, depth: int) -> Book: ...

    async def volumes(self, listings: Sequence[Listing]) -> dict[str, Decimal]: ...

    async def max_leverages(self) -> dict[str, Decimal]: ...

    async def server_time(self) -> datetime: ...

    async def status(self) -> VenueStatus: ...

    async def findings(self) -> list[Finding]: ...

    async def arm(self, listings: Sequence[Listing], seconds: float) -> Outcome: ...


def base_symbol(market: Mapping[str, Any]) -> str:
    """BTC/USDT:USDT -> BTCUSDT; the multiplier of 1000PEPE is part of ccxt's base and stays."""
    return f"{market['base']}{market['quote']}".upper()


def now() -> datetime:
    return datetime.now(UTC)


def as_quote(venue: str, listing: Listing, row: parsing.Row, names: Sequence[str], at: datetime | None) -> Quote:
    """names: bid, bid size, ask, ask size. Prices and sizes may be zero here; the judge refuses them (C4)."""
    bid, bid_size, ask, ask_size = (parsing.not_negative(row, name) for name in names)
    return Quote(
        venue=venue,
        symbol=listing.info.symbol,
        bid=bid,
        bid_quantity=bid_size * listing.contract_size,
        ask=ask,
        ask_quantity=ask_size * listing.contract_size,
        venue_at=at,
        received_at=now(),
    )


def wanted(rows: Sequence[parsing.Row], name: str, listings: Sequence[Listing]) -> list[tuple[parsing.Row, Listing]]:
    """The rows of the asked instruments. Others are not even parsed."""
    table = {listing.info.venue_symbol: listing for listing in listings}
    return [(row, table[row[name]]) for row in rows if row.get(name) in table]
