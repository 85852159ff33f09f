"""Closed hedges by the hundred thousand: each with two legs, four orders, their events and fills, spread over a year."""

from django.db import connection

HEDGES = """
INSERT INTO trading_hedge (id, symbol, strategy, long_venue, short_venue, status, simulated, planned_quantity,
    quantity, notional_usdt, leverage, entry_long_price, entry_short_price, entry_spread_bps, expected_net_edge_bps,
    realized_pnl_usdt, decision, timings, initiator, failure_reason, close_reason, trader_epoch, hold_id,
    created_at, opened_at, closing_at, closed_at)
SELECT md5('bench' || n)::uuid, (ARRAY['BTCUSDT','ETHUSDT','SOLUSDT'])[1 + n %% 3], 'cross_exchange_arb',
    'binance-um', 'okx-perp', 'closed', false, 0.01, 0, 600, 1, 60000, 60060, 10, 5, 0.25,
    jsonb_build_object('quotes', jsonb_build_object('binance-um', jsonb_build_object('bid', '59999', 'ask', '60000'),
    'okx-perp', jsonb_build_object('bid', '60060', 'ask', '60061'))), '{"journaled_ms": 9}'::jsonb, 'auto_hedge', '',
    'converged', 0, 1, at, at + interval '1 second', at + interval '1 minute', at + interval '61 seconds'
FROM (SELECT n, now() - interval '1 day' - n * (interval '365 days' / %(most)s) AS at
      FROM generate_series(%(first)s, %(last)s) n) series
"""
LEGS = """
INSERT INTO trading_leg (hedge_id, position_side, venue, symbol, quantity, entered_quantity, exited_quantity,
    entry_price, exit_price, fees_usdt)
SELECT h.id, side.name, CASE side.name WHEN 'long' THEN h.long_venue ELSE h.short_venue END, h.symbol,
    0, 0.01, 0.01, 60000, 60010, 0.6
FROM trading_hedge h, (VALUES ('long'), ('short')) side(name)
WHERE h.id IN (SELECT md5('bench' || n)::uuid FROM generate_series(%(first)s, %(last)s) n)
"""
ORDERS = """
INSERT INTO trading_order (client_order_id, hedge_id, leg_id, venue, symbol, purpose, side, order_type, time_in_force,
    reduce_only, simulated, quantity, limit_price, status, filled_quantity, average_price, venue_order_id, outcome_code,
    outcome_text, trader_epoch, attempt, created_at, sending_at, expires_at, answered_at, ended_at, checks,
    not_found_answers, fills_booked)
SELECT 'B' || substr(md5(l.id || purpose.name), 1, 30), h.id, l.id, l.venue, l.symbol, purpose.name,
    CASE WHEN (l.position_side = 'long') = (purpose.name = 'entry') THEN 'buy' ELSE 'sell' END, 'limit', 'ioc',
    purpose.name = 'exit', false, 0.01, 60000, 'filled', 0.01, 60000, l.id::text, '', '', 0, 1,
    h.created_at, h.created_at, h.created_at + interval '2 seconds', h.created_at, h.created_at, 0, 0, true
FROM trading_leg l JOIN trading_hedge h ON h.id = l.hedge_id, (VALUES ('entry'), ('exit')) purpose(name)
WHERE h.id IN (SELECT md5('bench' || n)::uuid FROM generate_series(%(first)s, %(last)s) n)
"""
EVENTS = """
INSERT INTO trading_orderevent (order_id, at, from_status, to_status, reason, details)
SELECT o.id, o.created_at, move.old, move.new, '', '{}'::jsonb
FROM trading_order o, (VALUES ('planned', 'sending'), ('sending', 'filled')) move(old, new)
WHERE o.hedge_id IN (SELECT md5('bench' || n)::uuid FROM generate_series(%(first)s, %(last)s) n)
"""
FILLS = """
INSERT INTO trading_fill (order_id, hedge_id, venue, symbol, trade_id, side, quantity, price, fee_usdt, is_maker,
    simulated, filled_at, booked_at)
SELECT o.id, o.hedge_id, o.venue, o.symbol, 'bench-' || o.id, o.side, 0.01, 60000, 0.3, false, false,
    o.created_at, o.created_at
FROM trading_order o
WHERE o.hedge_id IN (SELECT md5('bench' || n)::uuid FROM generate_series(%(first)s, %(last)s) n)
"""
ATTEMPTS = """
INSERT INTO trading_hedgeattempt (id, kind, status, initiator, symbol, strategy, request, spread_bps, notional_usdt,
    result, reason, answer, simulated, hedge_id, timings, created_at, not_after, claimed_at, claimed_epoch, finished_at)
SELECT md5('attempt' || h.id)::uuid, 'auto_hedge', 'done', 'auto_hedge', h.symbol, h.strategy, '{}'::jsonb, 10, 600,
    'opened', '', '{}'::jsonb, false, h.id, '{}'::jsonb, h.created_at, h.created_at + interval '8 seconds',
    h.created_at, 0, h.opened_at
FROM trading_hedge h
WHERE h.id IN (SELECT md5('bench' || n)::uuid FROM generate_series(%(first)s, %(last)s) n)
"""
DAYS = """
INSERT INTO trading_dailypnl (day, strategy, simulated, realized_usdt, running_total_usdt, running_peak_usdt,
    max_drawdown_usdt)
SELECT (now() - n * interval '1 day')::date, 'cross_exchange_arb', false, 25, 25 * (366 - n), 25 * (366 - n), 0
FROM generate_series(1, 365) n ON CONFLICT DO NOTHING
"""
RESERVATIONS = """
INSERT INTO risk_reservation (hedge_id, strategy, symbol, long_venue, short_venue, notional_usdt, simulated, status,
    limits_version, created_at, ended_at)
SELECT h.id, h.strategy, h.symbol, h.long_venue, h.short_venue, h.notional_usdt, false, 'converted', 1, h.created_at,
    h.opened_at
FROM trading_hedge h
WHERE h.id IN (SELECT md5('bench' || n)::uuid FROM generate_series(%(first)s, %(last)s) n)
"""
STATEMENTS = (HEDGES, LEGS, ORDERS, EVENTS, FILLS, ATTEMPTS, RESERVATIONS)


def grow_to(wanted: int, present: int, most: int) -> None:
    """Add closed hedges until ``wanted`` of them stand there, and let the planner know."""
    if wanted > present:
        bounds = {"first": present + 1, "last": wanted, "most": most}
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            for statement in STATEMENTS:
                cursor.execute(statement, bounds)
            cursor.execute(DAYS)
            cursor.execute("SET statement_timeout = 5000")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("ANALYZE")
        cursor.execute("SET statement_timeout = 5000")
