"""Sampling the standing basis from the board: once per fixed slot, whatever the scanner does.

A young pair is sampled every second, so that a desk that has just started soon knows its basis; a grown one every
``GROWN_SLOT_SECONDS``, and then only such samples count, so that no stretch of time weighs more than another.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations

from django.db import connection

from propbot import config
from propbot.upkeep.pruning import rows_prune
from trading import basis
from trading.models import BasisSample, StandingBasis
from trading.quotes import board
from trading.selectors import market as market_reads
from trading.services.task_state import BASIS, task_state_note
from trading.spread import Touch

YOUNG_SLOT_SECONDS = 1
GROWN_SLOT_SECONDS = 10
GROWN_AFTER = timedelta(minutes=10)
RETENTION = timedelta(days=7)
Key = tuple[str, str, str]

MEDIANS = """
INSERT INTO trading_standingbasis (symbol, venue_a, venue_b, median_bps, samples, first_at, last_at)
SELECT symbol, venue_a, venue_b, percentile_disc(0.5) WITHIN GROUP (ORDER BY basis_bps), count(*), min(at), max(at)
  FROM trading_basissample
 WHERE at > %(since)s AND symbol = ANY(%(symbols)s)
   AND (%(young)s OR extract(epoch FROM at)::bigint %% %(slot)s = 0)
 GROUP BY symbol, venue_a, venue_b
ON CONFLICT (symbol, venue_a, venue_b) DO UPDATE
   SET median_bps = excluded.median_bps, samples = excluded.samples,
       first_at = excluded.first_at, last_at = excluded.last_at
"""


def _mids(touches: dict[str, Touch]) -> Iterator[tuple[str, str, Decimal]]:
    for one, other in combinations(sorted(touches), 2):
        yield one, other, basis.basis_bps(touches[one].mid, touches[other].mid)


def _samples(usable: dict[str, dict[str, Touch]], young: set[str], now: datetime) -> Iterator[BasisSample]:
    for symbol, touches in usable.items():
        slot = YOUNG_SLOT_SECONDS if symbol in young else GROWN_SLOT_SECONDS
        at = basis.slot_start(now, slot)
        for venue_a, venue_b, figure in _mids(touches):
            yield BasisSample(symbol=symbol, venue_a=venue_a, venue_b=venue_b, basis_bps=figure, at=at)


def _young(symbols: Iterable[str]) -> set[str]:
    grown = {key[0] for key, estimate in market_reads.basis_estimates().items() if estimate.span >= GROWN_AFTER}
    return set(symbols) - grown


def _refresh_medians(symbols: set[str], *, young: bool, now: datetime) -> None:
    if not symbols:
        return
    window = timedelta(minutes=config.values().integer("BASIS_WINDOW_MIN"))
    with connection.cursor() as cursor:
        cursor.execute(
            MEDIANS,
            {"since": now - window, "symbols": sorted(symbols), "young": young, "slot": GROWN_SLOT_SECONDS},
        )


def _forget_expired(now: datetime) -> None:
    """A pair whose last sample has left the window has no basis any more."""
    window = timedelta(minutes=config.values().integer("BASIS_WINDOW_MIN"))
    StandingBasis.objects.filter(last_at__lt=now - window).delete()


def basis_sample(*, now: datetime) -> int:
    """One sample per pair and slot of every usable quote pair; returns how many pairs were sampled."""
    quotes = board().quotes(market_reads.allowed_symbols())
    usable = market_reads.usable(quotes, market_reads.judge(quotes, now=now))
    young = _young(usable)
    samples = list(_samples(usable, young, now))
    BasisSample.objects.bulk_create(samples, ignore_conflicts=True)
    _refresh_medians(young & usable.keys(), young=True, now=now)
    if int(now.timestamp()) % GROWN_SLOT_SECONDS == 0:
        _refresh_medians(usable.keys() - young, young=False, now=now)
        _forget_expired(now)
    task_state_note(name=BASIS, now=now, details={"pairs": len(samples), "young": len(young)})
    return len(samples)


def basis_prune(*, now: datetime) -> int:
    return rows_prune(BasisSample.objects.filter(at__lt=now - RETENTION))
