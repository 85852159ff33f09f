"""A trader without its worker: the engine in this process, over the real database, Redis and simulator.

``engine(simulator)`` is a desk in RUN with two clean rounds, known fees, funding and bases, and no hedge.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from django.db import connection

from propbot.clock import utc_now
from risk.models import DeskState
from risk.seeding import seed_all
from risk.services.governor import governor_sample
from tools.bench.ground import SYMBOLS, VENUES
from trading.choices import AttemptKind
from trading.entry_types import Answer, EntryRequest
from trading.models import Fill, Hedge, Leg, Order, OrderEvent, StandingBasis, UniverseEntry
from trading.quotes import board
from trading.runtime.handle import TraderRuntime, install
from trading.services.auto_hedge import entry_run
from trading.services.health import observed, watchdog
from trading.services.instruments import fees_refresh, funding_refresh, instruments_refresh
from trading.services.reconciliation import reconcile
from trading.venues.registry import build_client

EPOCH = 1


def desk_run() -> None:
    """As two people leave it; written as the database's owner, for how a desk gets there is not measured here."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    DeskState.objects.update_or_create(
        pk=1,
        defaults={
            "changed_at": utc_now(), "mode": "RUN", "hold_active": False, "safe_mode": False, "dry_run": False,
            "trader_epoch": EPOCH,
        },
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = DEFAULT")


def _bases(symbols: list[str]) -> None:
    now = utc_now()
    StandingBasis.objects.bulk_create(
        [
            StandingBasis(
                symbol=symbol, venue_a=VENUES[0], venue_b=VENUES[1], median_bps=Decimal("4.8"), samples=3600,
                first_at=now - timedelta(hours=1), last_at=now,
            )
            for symbol in symbols
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def _venues(runtime: TraderRuntime) -> None:
    symbols = list(SYMBOLS)
    UniverseEntry.objects.bulk_create(
        [UniverseEntry(symbol=symbol, allowed=True) for symbol in symbols], ignore_conflicts=True
    )
    for client in runtime.clients.values():
        runtime.run(instruments_refresh(client))
        runtime.run(fees_refresh(client, symbols))
        runtime.run(funding_refresh(client, symbols))
    _bases(symbols)


@contextmanager
def engine() -> Iterator[TraderRuntime]:
    """Needs SIMULATOR_URL in the environment."""
    seed_all()
    runtime = TraderRuntime(clients={venue: observed(build_client(venue, keys=True)) for venue in VENUES}, paper={})
    install(runtime)
    watchdog.start()
    try:
        desk_run()
        runtime.epoch, runtime.recovered = EPOCH, True
        _venues(runtime)
        reconcile_clean(runtime)
        yield runtime
    finally:
        watchdog.stop()
        install(None)
        runtime.close()


def reconcile_clean(runtime: TraderRuntime) -> None:
    for _ in range(2):
        reconcile(runtime=runtime)
    watchdog.write(utc_now())
    governor_sample()


def quotes_fresh(runtime: TraderRuntime) -> None:
    """What the stream process does all the time."""
    for client in runtime.clients.values():
        board().put(runtime.run(client.fetch_quotes(list(SYMBOLS))))


def execute(symbol: str, notional_usdt: str = "300") -> Answer:
    """One automatic entry, from its row to its answer; the spread is whatever there is."""
    return entry_run(
        EntryRequest(
            kind=AttemptKind.AUTO_HEDGE,
            symbol=symbol,
            notional_usdt=Decimal(notional_usdt),
            leverage=Decimal(1),
            strategy="cross_exchange_arb",
            min_spread_bps=Decimal(-1000),
            long_venue=VENUES[0],
            short_venue=VENUES[1],
            initiator="auto_hedge",
        )
    )


def forget_open() -> None:
    """Take what was opened out of the books, so that no repetition carries the one before."""
    ids = list(Hedge.objects.exclude(status__in=["closed", "failed"]).values_list("pk", flat=True))
    Leg.objects.filter(hedge__in=ids).update(quantity=0, entered_quantity=0, exited_quantity=0)
    Hedge.objects.filter(pk__in=ids).update(status="closed", closed_at=utc_now(), quantity=0)


def rows_now() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in (Hedge, Leg, Order, OrderEvent, Fill)}
