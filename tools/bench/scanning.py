"""What one scan costs, by symbols and venues: reading the board, judging, ranking and pricing the leaders."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import combinations

from propbot.clock import utc_now
from risk.looks import fresh_reads, one_look
from risk.seeding import seed_all
from tools.bench.ground import VENUES, median
from tools.reports import Result, at_most, measured
from trading.models import Instrument, StandingBasis, UniverseEntry
from trading.quotes import board
from trading.selectors import market as market_reads
from trading.services.scanning import scan_look, scan_note
from trading.venues import registry
from trading.venues.base import Quote

SYMBOLS = (10, 100, 500)
VENUE_COUNTS = (2, 3, 4)
REPETITIONS, QUICK_REPETITIONS = 15, 5
TARGET_MS = 50


@contextmanager
def venues(count: int) -> Iterator[tuple[str, ...]]:
    """More venues of the same kind, for the time of the measurement."""
    added = [f"venue-{number}" for number in range(len(VENUES), count)]
    registry.VENUES.update(dict.fromkeys(added, registry.VENUES[VENUES[1]]))
    try:
        yield (*VENUES, *added)
    finally:
        for name in added:
            del registry.VENUES[name]


def _quotes(symbols: list[str], venue_ids: tuple[str, ...]) -> list[Quote]:
    now = utc_now()
    return [
        Quote(
            venue=venue, symbol=symbol, bid=Decimal(100 + number) + shift, bid_quantity=Decimal(50),
            ask=Decimal(100 + number) + shift + Decimal("0.01"), ask_quantity=Decimal(50), venue_at=now, received_at=now,
        )
        for number, symbol in enumerate(symbols)
        for venue, shift in zip(venue_ids, map(Decimal, ("0", "0.05", "0.02", "0.03")), strict=False)
    ]  # fmt: skip


def _instrument(venue: str, symbol: str) -> Instrument:
    now = utc_now()
    return Instrument(
        venue=venue, symbol=symbol, venue_symbol=symbol, active=True, tick_size=Decimal("0.01"), lot_size=Decimal("0.01"),
        min_quantity=Decimal("0.01"), contract_size=Decimal(1), taker_fee_bps=Decimal(5), funding_rate=Decimal("0.0001"),
        funding_interval_hours=Decimal(8), next_funding_at=now + timedelta(hours=4), refreshed_at=now,
    )  # fmt: skip


def _rows(symbols: list[str], venue_ids: tuple[str, ...]) -> None:
    now = utc_now()
    UniverseEntry.objects.bulk_create([UniverseEntry(symbol=one, allowed=True) for one in symbols])
    Instrument.objects.bulk_create([_instrument(venue, one) for venue in venue_ids for one in symbols])
    StandingBasis.objects.bulk_create(
        StandingBasis(
            symbol=one, venue_a=a, venue_b=b, median_bps=Decimal("4.8"), samples=3600,
            first_at=now - timedelta(hours=1), last_at=now,
        )
        for one in symbols
        for a, b in combinations(sorted(venue_ids), 2)
    )  # fmt: skip


def _clear() -> None:
    for model in (UniverseEntry, Instrument, StandingBasis):
        model._default_manager.all().delete()


def _measure(symbols: list[str], venue_ids: tuple[str, ...], repetitions: int) -> float:
    times = []
    for _ in range(repetitions):
        board().put(_quotes(symbols, venue_ids))
        with fresh_reads(), one_look():
            look = scan_look(market_reads.allowed_symbols(), now=utc_now())
        if look.opportunity is None:
            raise RuntimeError("the scan found nothing to price")
        times.append(scan_note(look).cpu_ms)
    return median(times)


def scan_cost(*, quick: bool) -> list[Result]:
    seed_all()
    results = []
    for count in VENUE_COUNTS:
        with venues(count) as venue_ids:
            for size in SYMBOLS:
                symbols = [f"B{number}USDT" for number in range(size)]
                _clear()
                _rows(symbols, venue_ids)
                value = _measure(symbols, venue_ids, QUICK_REPETITIONS if quick else REPETITIONS)
                name = f"scan of {size} symbols over {count} venues, CPU, median"
                bound = (size, count) == (500, 2)
                results.append(at_most(name, value, "ms", TARGET_MS) if bound else measured(name, value, "ms"))
    return results
