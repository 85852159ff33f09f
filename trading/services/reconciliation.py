"""Reconciliation (RELIABILITY S7): read every venue, book its ledger, compare, and say what differs."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db.models import Q, Sum

from propbot.clock import utc_now
from risk.selectors import accounts_in_use
from risk.services.blocks import entry_block_clean_round
from trading.choices import HEDGE_ENDED, ORDER_LIVE, PositionSide
from trading.models import AccountSnapshot, Instrument, Leg, Order, ReconciliationRound, VenueLedgerEntry
from trading.recon_math import Finding, Key, Side, delta_findings, order_findings, position_findings, wallet_finding
from trading.runtime.handle import TraderRuntime
from trading.services.differences import differences_resolve, differences_store
from trading.services.health import watchdog
from trading.services.outcomes import orders_unproven
from trading.services.outside import findings_name, late_orders_take
from trading.services.resolving import time_divisor
from trading.services.venue_ledger import ledger_book, ledger_since
from trading.sizing import common_lot
from trading.venues.base import VenueAccount, VenueClient, VenueError, VenueLedgerRow, VenueOrder, VenuePosition

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
YOUNG_SECONDS = 5.0


@dataclass(frozen=True)
class VenueReading:
    """Everything one venue said in one round."""

    venue: str
    positions: list[VenuePosition]
    open_orders: list[VenueOrder]
    account: VenueAccount
    ledger: list[VenueLedgerRow]

    @property
    def side(self) -> Side:
        held: dict[str, Decimal] = defaultdict(Decimal)
        for position in self.positions:
            held[position.symbol] += position.quantity
        return Side(
            venue=self.venue,
            positions=dict(held),
            open_orders={o.client_order_id or f"venue:{o.venue_order_id}": o.symbol for o in self.open_orders},
            marks={p.symbol: p.mark_price for p in self.positions if p.mark_price is not None},
        )


async def _read(client: VenueClient, since: datetime) -> VenueReading | None:
    """None when any part is missing: a failed question is not "flat" (law 9). The ledger comes first, so that what it
    explains is booked before the wallet is looked at."""
    try:
        ledger = await client.fetch_ledger(since)
        positions, orders, account = await asyncio.gather(
            client.fetch_positions(), client.fetch_open_orders(None), client.fetch_account()
        )
    except VenueError as error:
        log.warning("reconciliation_unread", venue=client.venue, code=error.code)
        return None
    return VenueReading(client.venue, positions, orders, account, ledger)


def reconcile(*, runtime: TraderRuntime) -> ReconciliationRound:
    """One round. ``clean`` is None while a venue was not read, False with a difference, True without."""
    started = utc_now()
    row = ReconciliationRound.objects.create(started_at=started, trader_epoch=runtime.epoch)
    clients = list(runtime.clients.values()) if accounts_in_use() else []
    readings = runtime.gather(*(_read(client, ledger_since(client.venue)) for client in clients))
    read = [reading for reading in readings if reading is not None]
    complete = len(read) == len(clients)
    for reading in read:
        _store_reading(reading)
    findings = _findings(runtime, read, complete=complete, started=started)
    new = differences_store(round_row=row, findings=findings)
    clean: bool | None = not findings if complete or findings else None
    if complete:
        differences_resolve(findings=findings)
    if clean:
        entry_block_clean_round(started_at=started)
    ReconciliationRound.objects.filter(pk=row.pk).update(
        finished_at=utc_now(),
        clean=clean,
        venues_read=[reading.venue for reading in read],
        summary={"findings": len(findings), "new": new, "kinds": sorted({one.kind for one in findings})},
    )
    row.refresh_from_db()
    return row


def _store_reading(reading: VenueReading) -> None:
    ledger_book(venue=reading.venue, rows=reading.ledger)
    watchdog.note_margin(reading.venue, reading.account, reading.positions)
    AccountSnapshot.objects.create(
        venue=reading.venue,
        at=reading.account.read_at,
        wallet_usdt=reading.account.wallet_usdt,
        equity_usdt=reading.account.equity_usdt,
        available_usdt=reading.account.available_usdt,
        maintenance_margin_usdt=reading.account.maintenance_margin_usdt,
    )


def _findings(
    runtime: TraderRuntime, read: Sequence[VenueReading], *, complete: bool, started: datetime
) -> list[Finding]:
    sides = _priced([reading.side for reading in read])
    late_orders_take(runtime=runtime, sides=sides)
    books, ignore = books_positions(), young_keys(started)
    lots = {
        (one.venue, one.symbol): one.lot_size for one in Instrument.objects.filter(symbol__in=_symbols(books, sides))
    }
    found: list[Finding] = []
    for side in sides:
        found += position_findings(books, side, lots=lots, ignore=ignore)
        ours = dict(_books_orders(side.venue))
        known = set(
            Order.objects.filter(client_order_id__in=side.open_orders).values_list("client_order_id", flat=True)
        )
        found += order_findings(ours, side, known=known, ignore=ignore)
    found = findings_name(runtime=runtime, findings=found)
    if complete and sides:
        found += _delta(books, sides, lots, ignore, named={one.symbol for one in found})
    return found + _wallets(read, ignore)


def _priced(sides: Sequence[Side]) -> list[Side]:
    """A venue gives no mark of a position that is gone: then the other venues' marks, or our entry, price it."""
    legs = Leg.objects.filter(hedge__simulated=False, entry_price__isnull=False).exclude(hedge__status__in=HEDGE_ENDED)
    known = {symbol: price for symbol, price in legs.values_list("symbol", "entry_price") if price is not None}
    for side in sides:
        known.update(side.marks)
    return [replace(side, marks={**known, **side.marks}) for side in sides]


def _symbols(books: Mapping[Key, Decimal], sides: Sequence[Side]) -> set[str]:
    return {symbol for _, symbol in books} | {symbol for side in sides for symbol in side.positions}


def books_positions() -> dict[Key, Decimal]:
    """Signed base quantity by venue and symbol that proved fills say real hedges hold."""
    rows = Leg.objects.filter(hedge__simulated=False).exclude(hedge__status__in=HEDGE_ENDED).order_by()
    held: dict[Key, Decimal] = defaultdict(Decimal)
    for venue, symbol, side, total in rows.values_list("venue", "symbol", "position_side").annotate(Sum("quantity")):
        held[venue, symbol] += total if side == PositionSide.LONG else -total
    return dict(held)


def young_keys(started: datetime) -> set[Key]:
    """Where an order moves, or moved less than five seconds ago: a difference there is not one yet (S7)."""
    since = started - timedelta(seconds=YOUNG_SECONDS / time_divisor())
    touched = Q(sending_at__gte=since) | Q(ended_at__gte=since) | orders_unproven()
    rows = Order.objects.filter(touched, simulated=False).order_by().values_list("venue", "symbol")
    return set(rows.distinct())


def _books_orders(venue: str) -> list[tuple[str, str]]:
    """Orders that the books hold resting at the venue."""
    live = Order.objects.filter(venue=venue, simulated=False, status__in=ORDER_LIVE, time_in_force="post_only")
    return list(live.values_list("client_order_id", "symbol"))


def _delta(
    books: Mapping[Key, Decimal],
    sides: Sequence[Side],
    lots: Mapping[Key, Decimal],
    ignore: set[Key],
    *,
    named: set[str],
) -> list[Finding]:
    """The invariant across venues. A symbol that is named already is not named twice."""
    allowed: dict[str, Decimal] = defaultdict(Decimal)
    for (_, symbol), quantity in books.items():
        allowed[symbol] += quantity
    symbols = _symbols(books, sides) - named
    by_symbol: dict[str, list[Decimal]] = defaultdict(list)
    for (_, symbol), lot in lots.items():
        by_symbol[symbol].append(lot)
    grid = {symbol: _common(found) for symbol, found in by_symbol.items()}
    return delta_findings(sides, symbols=symbols, common_lots=grid, ignore=ignore, allowed=allowed)


def _common(lots: Sequence[Decimal]) -> Decimal:
    total = lots[0]
    for lot in lots[1:]:
        total = common_lot(total, lot)
    return total


def _wallets(read: Sequence[VenueReading], ignore: set[Key]) -> list[Finding]:
    """Wallets against the venues' own ledgers, over the time since the round before; not while orders move there."""
    busy = {venue for venue, _ in ignore}
    found = [_wallet(reading) for reading in read if reading.venue not in busy]
    return [finding for finding in found if finding is not None]


def _wallet(reading: VenueReading) -> Finding | None:
    """The snapshot before last is the start: a ledger row that comes a moment after its booking has one round's time
    to arrive, so that only a difference that stays is one."""
    snapshots = AccountSnapshot.objects.filter(venue=reading.venue, at__lt=reading.account.read_at).order_by("-at")[1:2]
    if not snapshots:
        return None
    start = snapshots[0]
    entries = VenueLedgerEntry.objects.filter(venue=reading.venue, currency="USDT", at__gt=start.at)
    moved = entries.filter(at__lte=reading.account.read_at).aggregate(total=Sum("amount"))["total"] or ZERO
    return wallet_finding(reading.venue, before=start.wallet_usdt, ledger=moved, now=reading.account.wallet_usdt)
