"""The exchange watchdog: what real calls tell of each venue. It makes no calls of its own (SPEC 5).

Notes arrive on the trader's event loop, which may not touch the database; one thread writes what has
changed, at most once a second. Other processes read the rows.
"""

import logging
import statistics
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import DatabaseError, close_old_connections, connections

from propbot import metrics, statements
from propbot.clock import utc_now
from propbot.config import values
from risk.intents import VenueFigures
from trading.models import AccountSnapshot, VenueHealth
from trading.venues.base import ClockSample, Preflight, VenueAccount, VenuePosition, VenueStatus
from trading.venues.ccxt_client import CcxtClient
from trading.venues.registry import venue_ids
from trading.venues.wire import CallNote

log = logging.getLogger(__name__)
WINDOW = 200  # calls that the percentiles look back on
CANCEL = "cancel_order"
WRITE_EVERY_SECONDS = 1.0
RATE_LIMITED_FOR = timedelta(seconds=10)
FIGURES_MAX_AGE = timedelta(seconds=120)
FAR = Decimal(1)  # distance of a position that the venue gives no liquidation price, or of none


@dataclass
class _Margin:
    ratio: Decimal | None
    liquidation_distance: Decimal | None
    available_usdt: Decimal
    read_at: datetime


@dataclass
class _Watch:
    """What is known of one venue in this process. ``reachable`` None: nothing was ever asked."""

    reachable: bool | None = None
    throttled_at: datetime | None = None
    maintenance: bool = False
    last_ok_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error: str = ""
    clock: ClockSample | None = None
    clock_breaches: int = 0
    preflight: Preflight | None = None
    margin: _Margin | None = None
    dirty: bool = False
    round_trips_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def percentile(self, rank: int) -> float | None:
        if len(self.round_trips_ms) < 2:
            return self.round_trips_ms[0] if self.round_trips_ms else None
        return round(statistics.quantiles(self.round_trips_ms, n=100, method="inclusive")[rank - 1], 3)


class Watchdog:
    """Thread safe. ``start`` begins the writing thread; ``stop`` writes what is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: dict[str, _Watch] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def _watch(self, venue: str) -> _Watch:
        watch = self._watches.setdefault(venue, _Watch())
        watch.dirty = True
        return watch

    def note(self, call: CallNote) -> None:
        """One call: round trip, reachable, rate limited, and the last error's code without any address."""
        at = utc_now()
        if call.operation == CANCEL:
            metrics.CANCELS.labels(call.venue, "failed" if call.code or not call.ok else "done").inc()
        with self._lock:
            watch = self._watch(call.venue)
            watch.reachable = call.answered
            if call.answered:
                watch.round_trips_ms.append(call.round_trip_ms)
            if call.throttled:
                watch.throttled_at = at
            if call.maintenance:
                watch.maintenance = True
            if call.ok:
                watch.last_ok_at = at
            if call.code or not call.ok:
                watch.last_error_at = at
                watch.last_error = f"{call.operation}: {call.code or 'unreadable answer'}"[:200]

    def note_status(self, venue: str, status: VenueStatus) -> None:
        with self._lock:
            self._watch(venue).maintenance = status.maintenance

    def note_clock(self, venue: str, sample: ClockSample) -> None:
        """Count samples in a row beyond the threshold; 0 disables the count."""
        threshold = values().integer("CLOCK_SKEW_HOLD_THRESHOLD_MS")
        with self._lock:
            watch = self._watch(venue)
            watch.clock = sample
            beyond = threshold > 0 and not abs(sample.skew_ms) <= threshold
            watch.clock_breaches = watch.clock_breaches + 1 if beyond else 0

    def note_preflight(self, venue: str, preflight: Preflight) -> None:
        with self._lock:
            self._watch(venue).preflight = preflight

    def note_margin(self, venue: str, account: VenueAccount, positions: Sequence[VenuePosition]) -> None:
        """The account and the positions of one reconciliation round."""
        margin = _Margin(
            ratio=margin_ratio(account.maintenance_margin_usdt, account.equity_usdt),
            liquidation_distance=liquidation_distance(positions),
            available_usdt=account.available_usdt,
            read_at=account.read_at,
        )
        with self._lock:
            self._watch(venue).margin = margin

    def margin(self, venue: str, now: datetime) -> _Margin | None:
        """None when it was not read in this process lately: unread blocks entries."""
        with self._lock:
            watch = self._watches.get(venue)
            margin = watch.margin if watch else None
        return margin if margin and now - margin.read_at <= FIGURES_MAX_AGE else None

    def start(self) -> None:
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._write_on, name="venue-health", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def _write_on(self) -> None:
        while not self._stopping.wait(WRITE_EVERY_SECONDS):
            self._write_safely()
        self._write_safely()
        connections.close_all()

    def _write_safely(self) -> None:
        try:
            close_old_connections()
            self.write(utc_now())
        except DatabaseError as error:
            log.warning("venue health could not be written: %s", type(error).__name__)

    def write(self, now: datetime) -> None:
        """One upsert per venue that has changed since the last write."""
        with self._lock:
            rows = [_row(venue, watch, now) for venue, watch in self._watches.items() if watch.dirty]
            for watch in self._watches.values():
                watch.dirty = watch.throttled_at is not None and now - watch.throttled_at < 2 * RATE_LIMITED_FOR
        if rows:
            names = [name.name for name in VenueHealth._meta.concrete_fields if not name.primary_key]
            VenueHealth.objects.bulk_create(rows, update_conflicts=True, unique_fields=["venue"], update_fields=names)


def _row(venue: str, watch: _Watch, now: datetime) -> VenueHealth:
    clock, preflight = watch.clock, watch.preflight
    return VenueHealth(
        venue=venue,
        reachable=watch.reachable,
        rate_limited=watch.throttled_at is not None and now - watch.throttled_at <= RATE_LIMITED_FOR,
        maintenance=watch.maintenance,
        read_only=bool(preflight and preflight.facts.get("may_trade") is False),
        last_ok_at=watch.last_ok_at,
        last_error_at=watch.last_error_at,
        last_error=watch.last_error,
        rtt_ms_p50=watch.percentile(50),
        rtt_ms_p95=watch.percentile(95),
        clock_skew_ms=None if clock is None else round(clock.skew_ms, 3),
        clock_uncertainty_ms=None if clock is None else round(clock.half_round_trip_ms, 3),
        clock_breaches=watch.clock_breaches,
        clock_checked_at=None if clock is None else clock.at,
        preflight={} if preflight is None else asdict(preflight),
        preflight_ok=None if preflight is None else preflight.ok,
        updated_at=now,
    )


def margin_ratio(maintenance_usdt: Decimal | None, equity_usdt: Decimal) -> Decimal | None:
    """Maintenance margin over equity; 1 or more is liquidation. None when the venue does not tell it."""
    if maintenance_usdt is None:
        return None
    if equity_usdt > 0:
        return maintenance_usdt / equity_usdt
    return Decimal(0) if maintenance_usdt == 0 else FAR


def liquidation_distance(positions: Sequence[VenuePosition]) -> Decimal | None:
    """The nearest liquidation as a fraction of the mark price; 1 when nothing can be liquidated.

    None when a position has a liquidation price but no mark: unknown is not far.
    """
    nearest = FAR
    for position in positions:
        if position.liquidation_price is None:
            continue
        if position.mark_price is None:
            return None
        nearest = min(nearest, abs(position.mark_price - position.liquidation_price) / position.mark_price)
    return nearest


watchdog = Watchdog()


def observed(client: CcxtClient) -> CcxtClient:
    """The client, every call of which the watchdog now hears of."""
    client.observer = watchdog.note
    return client


def health_note(call: CallNote) -> None:
    watchdog.note(call)


def venue_figures() -> list[VenueFigures]:
    """What the governor and the margin guard need of every venue; what was not read lately is None."""
    now, venues = utc_now(), list(venue_ids())
    rows = {row.venue: row for row in statements.found(VenueHealth, "WHERE venue = ANY(%s)", [venues])}
    accounts = _accounts(venues, now)
    return [_figures(venue, rows.get(venue), accounts.get(venue), now) for venue in venues]


def _accounts(venues: Sequence[str], now: datetime) -> dict[str, AccountSnapshot]:
    """Each account as it was read last; absent without a recent reading. One look per venue into the index."""
    latest = """
        WHERE id IN (SELECT (SELECT id FROM trading_accountsnapshot
                              WHERE venue = wanted.venue AND at >= %s ORDER BY at DESC LIMIT 1)
                       FROM unnest(%s::text[]) AS wanted(venue))
    """
    found = statements.found(AccountSnapshot, latest, [now - FIGURES_MAX_AGE, list(venues)])
    return {row.venue: row for row in found}


def _figures(venue: str, row: VenueHealth | None, account: AccountSnapshot | None, now: datetime) -> VenueFigures:
    margin = watchdog.margin(venue, now) or (_stored_margin(account) if account else None)
    return VenueFigures(
        venue=venue,
        reachable=None if row is None else row.reachable,
        maintenance=bool(row and row.maintenance),
        read_only=bool(row and row.read_only),
        clock_skew_ms=None if row is None else row.clock_skew_ms,
        clock_breaches=0 if row is None else row.clock_breaches,
        margin_ratio=margin.ratio if margin else None,
        liquidation_distance=margin.liquidation_distance if margin else None,
        available_usdt=margin.available_usdt if margin else None,
        read_at=margin.read_at if margin else None,
        equity_usdt=account.equity_usdt if account else None,
    )


def _stored_margin(account: AccountSnapshot) -> _Margin:
    """What another process read last. The distance to liquidation is known in the trader alone."""
    ratio = margin_ratio(account.maintenance_margin_usdt, account.equity_usdt)
    return _Margin(ratio, None, account.available_usdt, account.at)
