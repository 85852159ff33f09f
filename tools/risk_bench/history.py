"""A thousand open hedges beside a hundred thousand closed ones, in the bench's own database."""

from decimal import Decimal

from django.db import connection

from propbot.clock import utc_now
from tools.bench.history import DAYS, HEDGES, LEGS, ORDERS, RESERVATIONS
from trading.quotes import board
from trading.venues.base import Mark

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
VENUES = ("binance-um", "okx-perp")
OPEN_HEDGES = """
INSERT INTO trading_hedge (id, symbol, strategy, long_venue, short_venue, status, simulated, planned_quantity,
    quantity, notional_usdt, leverage, entry_long_price, entry_short_price, entry_spread_bps, expected_net_edge_bps,
    decision, timings, initiator, failure_reason, close_reason, trader_epoch, hold_id, created_at, opened_at)
SELECT md5('open' || n)::uuid, (ARRAY['BTCUSDT','ETHUSDT','SOLUSDT'])[1 + n %% 3], 'cross_exchange_arb',
    'binance-um', 'okx-perp', 'open', false, 0.001, 0.001, 60, 1, 60000, 60060, 10, 5, '{}'::jsonb, '{}'::jsonb,
    'auto_hedge', '', '', 0, 1, now(), now()
FROM generate_series(1, %(count)s) n
"""
OPEN_LEGS = """
INSERT INTO trading_leg (hedge_id, position_side, venue, symbol, quantity, entered_quantity, exited_quantity,
    entry_price, fees_usdt)
SELECT h.id, side.name, CASE side.name WHEN 'long' THEN h.long_venue ELSE h.short_venue END, h.symbol,
    0.001, 0.001, 0, 60000, 0.03
FROM trading_hedge h, (VALUES ('long'), ('short')) side(name)
WHERE h.status = 'open'
"""


def grow(*, closed: int, open_count: int) -> None:
    bounds = {"first": 1, "last": closed, "most": closed}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (HEDGES, LEGS, ORDERS, RESERVATIONS):
            cursor.execute(statement, bounds)
        cursor.execute(DAYS)
        cursor.execute(OPEN_HEDGES, {"count": open_count})
        cursor.execute(OPEN_LEGS)
        cursor.execute("ANALYZE")
        cursor.execute("SET statement_timeout = 5000")


def marks_put() -> None:
    """Fresh marks, so that unrealized PnL is valued and not just unknown."""
    now = utc_now()
    board().put_marks(
        [
            Mark(venue=venue, symbol=symbol, mark_price=Decimal(60_010), venue_at=now, received_at=now)
            for venue in VENUES
            for symbol in SYMBOLS
        ]
    )
