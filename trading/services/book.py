"""The open book with the history of its basis: what value at risk is computed from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from risk.var import BookLine
from trading.choices import HEDGE_EXPOSED, PositionSide
from trading.models import Hedge, Instrument
from trading.services.exposure import active_hedges, leg_notional, legs_held

ZERO = Decimal(0)
HISTORY = timedelta(days=7)
BUCKET_SECONDS = 300
HORIZONS: Mapping[str, int] = {"1h": 3600, "1d": 86400}
SERIES = """
SELECT extract(epoch FROM at)::bigint / %(bucket)s AS slot, avg(basis_bps)
  FROM trading_basissample
 WHERE symbol = %(symbol)s AND venue_a = %(a)s AND venue_b = %(b)s AND at > %(since)s
 GROUP BY slot
"""


def basis_series(symbol: str, venues: tuple[str, str], now: datetime) -> dict[int, Decimal]:
    """The basis of a pair in slots of five minutes, in bps; slots without a sample are absent."""
    first, second = sorted(venues)
    values: dict[str, str | int | datetime] = {
        "bucket": BUCKET_SECONDS,
        "symbol": symbol,
        "a": first,
        "b": second,
        "since": now - HISTORY,
    }
    with connection.cursor() as cursor:
        cursor.execute(SERIES, values)
        return {int(slot): Decimal(value) for slot, value in cursor.fetchall()}


def changes(series: Mapping[int, Decimal], horizon_seconds: int) -> list[Decimal]:
    """Every move over the horizon whose both ends were sampled; they overlap."""
    step = horizon_seconds // BUCKET_SECONDS
    return [value - series[slot - step] for slot, value in sorted(series.items()) if slot - step in series]


def _net(hedge: Hedge) -> Decimal:
    """What is not matched between the legs, at entry prices; positive is long."""
    signs = {PositionSide.LONG.value: 1, PositionSide.SHORT.value: -1}
    legs = legs_held(hedge)
    matched = min(leg.quantity for leg in legs)
    return sum((signs[leg.position_side] * (leg.quantity - matched) * (leg.entry_price or ZERO) for leg in legs), ZERO)


def _daily_rate(venue: str, symbol: str) -> Decimal | None:
    row = Instrument.objects.filter(venue=venue, symbol=symbol).first()
    if row is None or row.funding_rate is None or not row.funding_interval_hours:
        return None
    rate: Decimal = row.funding_rate * 24 / row.funding_interval_hours
    return rate


def _funding(hedge: Hedge, notional: Decimal) -> Decimal | None:
    """Expected per day at today's rates, negative when paid; None while a rate is not known."""
    long_rate, short_rate = (
        _daily_rate(hedge.long_venue, hedge.symbol),
        _daily_rate(hedge.short_venue, hedge.symbol),
    )
    if long_rate is None or short_rate is None:
        return None
    return notional * (short_rate - long_rate)


def _line(symbol: str, hedges: Sequence[Hedge], now: datetime) -> BookLine:
    notionals = [max(leg_notional(leg) for leg in legs_held(hedge)) for hedge in hedges]
    fundings = [_funding(hedge, notional) for hedge, notional in zip(hedges, notionals, strict=True)]
    known = [funding for funding in fundings if funding is not None]
    pair = (hedges[0].long_venue, hedges[0].short_venue)
    series = basis_series(symbol, pair, now)
    return BookLine(
        symbol=symbol,
        notional_usdt=sum(notionals, ZERO),
        net_base_usdt=sum((_net(hedge) for hedge in hedges), ZERO),
        venues=tuple(sorted({venue for hedge in hedges for venue in (hedge.long_venue, hedge.short_venue)})),
        changes={name: changes(series, seconds) for name, seconds in HORIZONS.items()},
        funding_usdt_per_day=sum(known, ZERO) if len(known) == len(fundings) else None,
    )


def open_book(now: datetime) -> list[BookLine]:
    """One line per symbol and pair of venues that real hedges hold."""
    held: dict[tuple[str, ...], list[Hedge]] = defaultdict(list)
    for hedge in active_hedges(simulated=False):
        if hedge.status in HEDGE_EXPOSED:
            held[hedge.symbol, *sorted((hedge.long_venue, hedge.short_venue))].append(hedge)
    return [_line(key[0], hedges, now) for key, hedges in sorted(held.items())]
