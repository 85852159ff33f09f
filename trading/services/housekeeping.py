"""Upkeep of the trading tables: PnL snapshots, scores of the universe, and what may be forgotten."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from propbot.clock import utc_day_start
from propbot.upkeep.pruning import rows_prune
from trading.candidates import touch_of
from trading.choices import HEDGE_EXPOSED, HedgeStatus
from trading.models import DailyPnl, Hedge, HedgeAttempt, Instrument, Opportunity, PnlSnapshot, UniverseEntry
from trading.quotes import BoardUnavailableError, board
from trading.scoring import VenueFacts, score
from trading.selectors.positions import held_legs, leg_unrealized, marks_read, total_or_none
from trading.spread import BPS, Touch
from trading.venues.base import Quote

OPPORTUNITIES_KEPT = timedelta(hours=24)
SKIPS_KEPT = timedelta(days=7)
ZERO = Decimal(0)


def pnl_snapshot(*, now: datetime) -> list[PnlSnapshot]:
    """Exposure and PnL of this moment: real ones, and simulated ones apart (law 10)."""
    return PnlSnapshot.objects.bulk_create([_snapshot(now, simulated=False), _snapshot(now, simulated=True)])


def _snapshot(now: datetime, *, simulated: bool) -> PnlSnapshot:
    held = list(Hedge.objects.filter(status__in=HEDGE_EXPOSED, simulated=simulated))
    legs = held_legs(simulated=simulated)
    marks = marks_read(sorted({leg.symbol for leg in legs}))
    booked = DailyPnl.objects.filter(simulated=simulated)
    return PnlSnapshot(
        at=now,
        simulated=simulated,
        open_notional_usdt=sum((hedge.notional_usdt for hedge in held), ZERO),
        open_hedges=len(held),
        partial_hedges=sum(hedge.status == HedgeStatus.PARTIAL for hedge in held),
        realized_today_usdt=_booked(booked.filter(day=utc_day_start(now).date())),
        realized_total_usdt=_booked(booked),
        unrealized_usdt=total_or_none(leg_unrealized(leg, marks.of(leg.venue, leg.symbol)[0]) for leg in legs),
        per_venue=_per_venue(held),
    )


def _booked(rows: QuerySet[DailyPnl]) -> Decimal:
    return rows.aggregate(total=Sum("realized_usdt"))["total"] or ZERO


def _per_venue(held: list[Hedge]) -> dict[str, str]:
    """One leg's notional on each of its two venues."""
    found: dict[str, Decimal] = {}
    for hedge in held:
        for venue in (hedge.long_venue, hedge.short_venue):
            found[venue] = found.get(venue, ZERO) + hedge.notional_usdt
    return {venue: format(amount, "f") for venue, amount in found.items()}


def universe_score(*, now: datetime) -> int:
    """Score every symbol that two venues list; a new one enters as not allowed."""
    rows = Instrument.objects.filter(active=True).values_list("symbol", "venue", "volume_24h_usdt")
    volumes: dict[str, dict[str, Decimal | None]] = {}
    for symbol, venue, volume in rows:
        volumes.setdefault(symbol, {})[venue] = volume
    shared = {symbol: of_symbol for symbol, of_symbol in volumes.items() if len(of_symbol) >= 2}
    UniverseEntry.objects.bulk_create([UniverseEntry(symbol=symbol) for symbol in shared], ignore_conflicts=True)
    quotes = _quotes(list(shared))
    entries = list(UniverseEntry.objects.filter(symbol__in=shared))
    for entry in entries:
        of_symbol = shared[entry.symbol].items()
        found = score([_facts(venue, volume, quotes.get((venue, entry.symbol))) for venue, volume in of_symbol])
        entry.score, entry.scored_at = found.total, now
        entry.score_parts = {name: None if part is None else format(part, "f") for name, part in found.parts.items()}
    UniverseEntry.objects.bulk_update(entries, ["score", "score_parts", "scored_at"])
    return len(entries)


def _quotes(symbols: list[str]) -> dict[tuple[str, str], Quote]:
    try:
        return dict(board().quotes(symbols))
    except BoardUnavailableError:
        return {}


def _facts(venue: str, volume: Decimal | None, quote: Quote | None) -> VenueFacts:
    if quote is None:
        return VenueFacts(venue, volume, None, None)
    touch: Touch = touch_of(quote)
    depth = min(quote.bid * quote.bid_quantity, quote.ask * quote.ask_quantity)
    return VenueFacts(venue, volume, depth, touch.half_spread * 2 / touch.mid * BPS)


def records_prune(*, now: datetime) -> dict[str, int]:
    """Old opportunities, and old attempts that never became a hedge. Hedges, orders and fills are kept."""
    skipped = HedgeAttempt.objects.filter(hedge__isnull=True, result__in=("skipped", "refused", "expired"))
    return {
        "opportunities": rows_prune(Opportunity.objects.filter(created_at__lt=now - OPPORTUNITIES_KEPT)),
        "attempts": rows_prune(skipped.filter(created_at__lt=now - SKIPS_KEPT)),
    }
