"""What the trader does again and again, each with its interval: the floor under Celery's beat.

A duty runs in one thread at a time, whoever asks: the trader's own clockwork, or a task. Redis and beat may be down;
resolving, reducing and comparing go on.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, close_old_connections

from propbot.config import values
from propbot.errors import RecordingFailedError, RefusedError
from risk.ports import ports
from risk.selectors import accounts_in_use
from trading.runtime.handle import TraderRuntime
from trading.services import recovery
from trading.services.exits import closing_sweep
from trading.services.health import watchdog
from trading.services.instruments import allowed_symbols, fees_refresh, funding_refresh, instruments_refresh
from trading.services.ledger import fills_sweep
from trading.services.margin_guard import margin_guard_run
from trading.services.reconciliation import reconcile
from trading.services.transitions import LostRaceError
from trading.venues.base import VenueClient, VenueError

log = structlog.get_logger(__name__)
START_ROUND_SECONDS = 10.0
CLEAN_ROUNDS = 2
FOREIGN_TROUBLE = (VenueError, RefusedError, DatabaseError, RecordingFailedError, LostRaceError, TimeoutError)


@dataclass
class Duty:
    """One recurring piece of work. ``every`` answers seconds, so that settings and state may change it."""

    name: str
    every: Callable[[TraderRuntime], float]
    work: Callable[[TraderRuntime], object]
    lock: threading.Lock = field(default_factory=threading.Lock)
    done_at: float = float("-inf")

    def due(self, runtime: TraderRuntime) -> bool:
        return time.monotonic() - self.done_at >= self.every(runtime)

    def run(self, runtime: TraderRuntime, *, forced: bool = False) -> bool:
        """Run it if it is due and nobody else does; a failure is logged and comes again at the next interval."""
        if runtime.standby or not (forced or self.due(runtime)) or not self.lock.acquire(blocking=False):
            return False
        try:
            runtime.give_way()
            close_old_connections()
            self.work(runtime)
        except FOREIGN_TROUBLE as error:
            log.warning("duty_failed", duty=self.name, error=f"{error.__class__.__name__}: {error}")
        finally:
            self.done_at = time.monotonic()
            self.lock.release()
        return True


def _resolve(runtime: TraderRuntime) -> None:
    if not runtime.recovered:
        return
    asked = recovery.resolve_sweep(runtime=runtime)
    if asked or SETTLE.due(runtime):
        SETTLE.run(runtime, forced=True)


def _closing(runtime: TraderRuntime) -> None:
    if runtime.recovered:
        closing_sweep()


def _reconcile(runtime: TraderRuntime) -> None:
    if runtime.recovered:
        reconcile(runtime=runtime)
        margin_guard_run(runtime=runtime)


def reconcile_seconds(runtime: TraderRuntime) -> float:
    """Every 10 s from the start until two clean rounds, then at RECONCILE_INTERVAL_SEC."""
    steady = float(values().decimal("RECONCILE_INTERVAL_SEC"))
    starting = START_ROUND_SECONDS / values().integer("RELIABILITY_TIME_DIVISOR")
    try:
        clean = ports().reconciliation_clean_rounds(runtime.epoch)
    except DatabaseError:
        clean = 0
    return steady if clean >= CLEAN_ROUNDS else min(starting, steady)


def _each(runtime: TraderRuntime, ask: Callable[[VenueClient], object]) -> None:
    """One venue's trouble does not keep the others from their turn."""
    for client in runtime.clients.values():
        try:
            ask(client)
        except VenueError as error:
            log.warning("venue_unread", venue=client.venue, code=error.code)


def _instruments(runtime: TraderRuntime) -> None:
    _each(runtime, lambda client: runtime.run(instruments_refresh(client)))


def _fees(runtime: TraderRuntime) -> None:
    symbols = allowed_symbols()
    if symbols and accounts_in_use():
        _each(runtime, lambda client: runtime.run(fees_refresh(client, symbols)))


def _funding(runtime: TraderRuntime) -> None:
    symbols = allowed_symbols()
    if symbols:
        _each(runtime, lambda client: runtime.run(funding_refresh(client, symbols)))


def _clocks(runtime: TraderRuntime) -> None:
    _each(runtime, lambda client: watchdog.note_clock(client.venue, runtime.run(client.measure_clock())))


def _statuses(runtime: TraderRuntime) -> None:
    _each(runtime, lambda client: watchdog.note_status(client.venue, runtime.run(client.fetch_status())))


def _preflights(runtime: TraderRuntime) -> None:
    """Look again only where something is wrong or not yet known."""
    if not accounts_in_use():
        runtime.problems = {}
        return
    for venue, client in runtime.clients.items():
        if runtime.problems.get(venue) != ():
            _preflight(runtime, venue, client)


def _preflight(runtime: TraderRuntime, venue: str, client: VenueClient) -> None:
    try:
        found = runtime.run(client.preflight())
    except VenueError as error:
        runtime.problems[venue] = (f"{venue} was not read: {error.code}",)
        return
    watchdog.note_preflight(venue, found)
    runtime.problems[venue] = () if found.ok else tuple(found.problems) or (f"{venue} failed its preflight",)


def _fixed(seconds: float) -> Callable[[TraderRuntime], float]:
    return lambda _: seconds


# Concluding asks the venue about every unproven order: at once after news, else once a second.
SETTLE = Duty("settle", _fixed(1.0), lambda runtime: recovery.hedges_settle(runtime=runtime))
RESOLVE = Duty("resolve", _fixed(0.25), _resolve)
CLOSING = Duty("closing", _fixed(1.0), _closing)
RECONCILE = Duty("reconcile", reconcile_seconds, _reconcile)
FILLS = Duty("fills", _fixed(5.0), lambda runtime: fills_sweep(runtime=runtime))
INSTRUMENTS = Duty("instruments", _fixed(900.0), _instruments)
FEES = Duty("fees", _fixed(900.0), _fees)
FUNDING = Duty("funding", _fixed(60.0), _funding)
CLOCKS = Duty("clocks", _fixed(10.0), _clocks)
STATUSES = Duty("statuses", _fixed(30.0), _statuses)
PREFLIGHTS = Duty("preflights", _fixed(30.0), _preflights)
# Each row is one thread of the clockwork: what must not wait for a slow neighbour stands alone.
THREADS: dict[str, tuple[Duty, ...]] = {
    "resolver": (RESOLVE,),
    "closing": (CLOSING,),
    "books": (RECONCILE, FILLS),
    "venues": (PREFLIGHTS, CLOCKS, STATUSES, INSTRUMENTS, FEES, FUNDING),
}
