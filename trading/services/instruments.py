"""Instrument rows: what every venue lists, its fees, its funding and its volumes, refreshed from the venue."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.db import connection, transaction

from propbot.clock import utc_now
from propbot.config import values
from trading.models import Instrument, UniverseEntry
from trading.quotes import QuoteBoard, board
from trading.venues.base import FeeInfo, FundingInfo, InstrumentInfo, VenueClient, VenueError
from trading.venues.ccxt_client import CcxtClient
from trading.venues.paper import PaperMarket, QuoteSource
from trading.venues.registry import venue_spec

LISTING_FIELDS = (
    "venue_symbol",
    "active",
    "tick_size",
    "lot_size",
    "min_quantity",
    "max_quantity",
    "min_notional_usdt",
    "contract_size",
    "max_leverage",
    "refreshed_at",
)
PAPER_CACHE_SECONDS = 30.0
Result = TypeVar("Result")


def allowed_symbols() -> list[str]:
    """The symbols that two people have allowed."""
    return list(UniverseEntry.objects.filter(allowed=True).order_by("symbol").values_list("symbol", flat=True))


async def _stored(work: Callable[[], Result]) -> Result:
    """Database work off the event loop. A pool's thread would keep its connection for ever, so it is closed."""

    def run() -> Result:
        try:
            return work()
        finally:
            connection.close()

    return await asyncio.to_thread(run)


async def instruments_refresh(client: VenueClient) -> int:
    """Read the venue's list anew and store it; how many are active. Raises VenueError when it cannot be read."""
    infos = await client.fetch_instruments()
    leverages = await _max_leverages(client)
    return await _stored(partial(store_instruments, client.venue, infos, leverages, now=utc_now()))


async def _max_leverages(client: VenueClient) -> Mapping[str, Decimal] | None:
    """None when they cannot be read, as without keys on Binance: what is stored then stays."""
    if not isinstance(client, CcxtClient):
        return None
    try:
        return await client.fetch_max_leverages()
    except VenueError:
        return None


def store_instruments(
    venue: str, infos: Sequence[InstrumentInfo], leverages: Mapping[str, Decimal] | None, *, now: datetime
) -> int:
    """Upsert every listing; one that the venue no longer lists becomes inactive and is kept for history."""
    rows = [_row(venue, info, leverages or {}, now) for info in infos]
    fields = [name for name in LISTING_FIELDS if name != "max_leverage" or leverages is not None]
    with transaction.atomic():
        Instrument.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["venue", "symbol"], update_fields=fields
        )
        gone = Instrument.objects.filter(venue=venue, active=True).exclude(symbol__in=[row.symbol for row in rows])
        gone.update(active=False, refreshed_at=now)
    return sum(row.active for row in rows)


def _row(venue: str, info: InstrumentInfo, leverages: Mapping[str, Decimal], now: datetime) -> Instrument:
    return Instrument(
        venue=venue,
        symbol=info.symbol,
        venue_symbol=info.venue_symbol,
        active=info.active,
        tick_size=info.tick_size,
        lot_size=info.lot_size,
        min_quantity=info.min_quantity,
        max_quantity=info.max_quantity,
        min_notional_usdt=info.min_notional_usdt,
        contract_size=info.contract_size,
        max_leverage=info.max_leverage if info.max_leverage is not None else leverages.get(info.symbol),
        refreshed_at=now,
    )


async def fees_refresh(client: VenueClient, symbols: Sequence[str]) -> int:
    """Fees of these symbols as the venue charges them; TAKER_FEE_BPS_<venue> overrides the taker fee."""
    fees = [await client.fetch_fee(symbol) for symbol in symbols]
    return await _stored(partial(store_fees, client.venue, fees, now=utc_now()))


def store_fees(venue: str, fees: Iterable[FeeInfo], *, now: datetime) -> int:
    override = taker_fee_override(venue)
    stored = 0
    for fee in fees:
        stored += Instrument.objects.filter(venue=venue, symbol=fee.symbol).update(
            taker_fee_bps=fee.taker_bps if override is None else override,
            maker_fee_bps=fee.maker_bps,
            fees_refreshed_at=now,
        )
    return stored


def taker_fee_override(venue: str) -> Decimal | None:
    name = venue_spec(venue).taker_fee_setting
    return values().optional_decimal(name) if name else None


async def funding_refresh(client: VenueClient, symbols: Sequence[str]) -> int:
    """Rate, interval and next settlement of these symbols."""
    rates = await client.fetch_funding(symbols)
    return await _stored(partial(store_funding, client.venue, rates, now=utc_now()))


def store_funding(venue: str, rates: Iterable[FundingInfo], *, now: datetime) -> int:
    """A next settlement in the past is stored as unknown: nothing may be expected of it (C8)."""
    stored = 0
    for one in rates:
        coming = one.next_at if one.next_at is not None and one.next_at > now else None
        stored += Instrument.objects.filter(venue=venue, symbol=one.symbol).update(
            funding_rate=one.rate,
            funding_interval_hours=one.interval_hours,
            next_funding_at=coming,
            funding_refreshed_at=now,
        )
    return stored


async def volumes_refresh(client: VenueClient, symbols: Sequence[str]) -> int:
    volumes = await client.fetch_volumes(symbols)
    return await _stored(partial(store_volumes, client.venue, volumes))


def store_volumes(venue: str, volumes: Mapping[str, Decimal]) -> int:
    found = list(Instrument.objects.filter(venue=venue, symbol__in=volumes))
    for instrument in found:
        instrument.volume_24h_usdt = volumes[instrument.symbol]
    return Instrument.objects.bulk_update(found, ["volume_24h_usdt"], batch_size=500)


class PaperMarkets:
    """What the paper broker of one venue fills against: the board's quotes and the stored instruments."""

    def __init__(self, venue: str, quotes: QuoteBoard) -> None:
        self._venue, self._board = venue, quotes
        self._instruments: dict[str, tuple[float, Instrument | None]] = {}

    async def __call__(self, symbol: str) -> PaperMarket:
        return await _stored(partial(self.read, symbol))

    def read(self, symbol: str) -> PaperMarket:
        row = self._instrument(symbol)
        quote = self._board.quotes([symbol]).get((self._venue, symbol))
        if row is None or row.taker_fee_bps is None or row.maker_fee_bps is None:
            return PaperMarket(None, None, Decimal(0), Decimal(0))  # without known fees there is no honest fill
        return PaperMarket(quote, info_of(row), row.taker_fee_bps, row.maker_fee_bps)

    def _instrument(self, symbol: str) -> Instrument | None:
        read_at, row = self._instruments.get(symbol, (float("-inf"), None))
        if time.monotonic() - read_at > PAPER_CACHE_SECONDS or row is None:
            row = Instrument.objects.filter(venue=self._venue, symbol=symbol, active=True).first()
            self._instruments[symbol] = (time.monotonic(), row)
        return row


def paper_markets(venue: str) -> QuoteSource:
    """The source to give to ``build_paper``."""
    return PaperMarkets(venue, board())


def info_of(row: Instrument) -> InstrumentInfo:
    return InstrumentInfo(
        symbol=row.symbol,
        venue_symbol=row.venue_symbol,
        active=row.active,
        tick_size=row.tick_size,
        lot_size=row.lot_size,
        min_quantity=row.min_quantity,
        max_quantity=row.max_quantity,
        min_notional_usdt=row.min_notional_usdt,
        contract_size=row.contract_size,
        max_leverage=row.max_leverage,
    )
