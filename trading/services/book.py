"""The open book with the history of its basis: what value at risk is computed from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from risk.var import BookLine
from trading.choices import HEDGE_EXPOSED
from trading.models import Instrument

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


# The database sums, as for exposure: a thousand open hedges are a handful of rows here. The status stands there twice so
# that the partial index of the active ones serves. ``matched``: what both legs of a hedge hold.
HELD = """
WITH leg AS (
    SELECT h.id, h.symbol, h.long_venue, h.short_venue, l.position_side, l.quantity,
           coalesce(l.entry_price, max(l.entry_price) OVER (PARTITION BY h.id), h.notional_usdt / h.planned_quantity)
               AS price,
           min(l.quantity) OVER (PARTITION BY h.id) AS matched
    FROM trading_hedge h JOIN trading_leg l ON l.hedge_id = h.id
    WHERE NOT h.simulated AND NOT (h.status IN ('closed', 'failed')) AND h.status = ANY(%(exposed)s)
), one AS (
    SELECT symbol, long_venue, short_venue, max(quantity * price) AS notional,
           sum(CASE position_side WHEN 'long' THEN 1 ELSE -1 END * (quantity - matched) * price) AS net
    FROM leg GROUP BY id, symbol, long_venue, short_venue
)
SELECT symbol, long_venue, short_venue, sum(notional), sum(net) FROM one
 GROUP BY symbol, long_venue, short_venue ORDER BY symbol, long_venue, short_venue
"""


@dataclass(frozen=True)
class HeldPair:
    """All real hedges of one symbol and direction: the larger leg of each, and what is not matched, at entry prices
    (positive is long), in USDT."""

    symbol: str
    long_venue: str
    short_venue: str
    notional_usdt: Decimal
    net_usdt: Decimal

    @property
    def book_key(self) -> tuple[str, str, str]:
        """Both directions of a pair move with the same basis: one line of the book."""
        first, second = sorted((self.long_venue, self.short_venue))
        return self.symbol, first, second


def held_pairs() -> list[HeldPair]:
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"exposed": [str(status) for status in HEDGE_EXPOSED]})
        return [HeldPair(*row) for row in cursor.fetchall()]


Rates = Mapping[tuple[str, str], Decimal]


def daily_rates(symbols: Iterable[str]) -> dict[tuple[str, str], Decimal]:
    """Funding per day by venue and symbol; absent while a venue has not said it."""
    rows = Instrument.objects.filter(symbol__in=set(symbols))
    return {
        (venue, symbol): rate * 24 / hours
        for venue, symbol, rate, hours in rows.values_list("venue", "symbol", "funding_rate", "funding_interval_hours")
        if rate is not None and hours
    }


def _funding(pair: HeldPair, rates: Rates) -> Decimal | None:
    """Expected per day at today's rates, negative when paid; None while a rate is not known."""
    long_rate = rates.get((pair.long_venue, pair.symbol))
    short_rate = rates.get((pair.short_venue, pair.symbol))
    if long_rate is None or short_rate is None:
        return None
    return pair.notional_usdt * (short_rate - long_rate)


def _line(pairs: Sequence[HeldPair], rates: Rates, now: datetime) -> BookLine:
    symbol, first, second = pairs[0].book_key
    fundings = [_funding(pair, rates) for pair in pairs]
    known = [funding for funding in fundings if funding is not None]
    series = basis_series(symbol, (first, second), now)
    return BookLine(
        symbol=symbol,
        notional_usdt=sum((pair.notional_usdt for pair in pairs), ZERO),
        net_base_usdt=sum((pair.net_usdt for pair in pairs), ZERO),
        venues=(first, second),
        changes={name: changes(series, seconds) for name, seconds in HORIZONS.items()},
        funding_usdt_per_day=sum(known, ZERO) if len(known) == len(fundings) else None,
    )


def open_book(now: datetime) -> list[BookLine]:
    """One line per symbol and pair of venues that real hedges hold."""
    held: dict[tuple[str, str, str], list[HeldPair]] = defaultdict(list)
    for pair in held_pairs():
        held[pair.book_key].append(pair)
    rates = daily_rates(key[0] for key in held)
    return [_line(pairs, rates, now) for _, pairs in sorted(held.items())]
