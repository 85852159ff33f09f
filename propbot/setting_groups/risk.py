"""Switches, caps, governor, strategies, runaway and edge guards."""

from decimal import Decimal

from propbot.setting_groups.declare import ZERO, setting

FLAGS = tuple(
    setting(name, "flag", "false", "risk flags", text)
    for name, text in (
        ("RISK_CHECKS_ENABLED", "the risk gate decides"),
        ("RISK_ENFORCE_CAPS", "the gate enforces caps"),
        ("RISK_ENFORCE_BUDGETS", "the gate enforces daily budgets"),
    )
)
CAPS = (
    setting("MAX_OPEN_POSITIONS", "integer", "3", "caps", "open hedges", minimum=Decimal(1)),
    setting("MAX_TOTAL_NOTIONAL_USDT", "decimal", "75000", "caps", "open notional, in USDT", minimum=Decimal("0.01")),
    setting(
        "MAX_NOTIONAL_PER_POSITION_USDT",
        "decimal",
        "25000",
        "caps",
        "notional of one hedge, in USDT",
        minimum=Decimal("0.01"),
    ),
    setting(
        "MAX_NOTIONAL_PER_EXCHANGE",
        "venue_limits",
        "binance-um:50000,okx-perp:50000",
        "caps",
        "open notional per venue, in USDT; blank disables",
        minimum=Decimal("0.01"),
    ),
    setting(
        "MAX_POSITION_USDT",
        "decimal",
        "25000",
        "caps",
        "open notional per symbol, in USDT; MAX_POSITION_USDT__<SYMBOL> overrides",
        minimum=Decimal("0.01"),
        scope="symbol",
    ),
    setting(
        "MAX_OPEN_ORDERS",
        "integer",
        "5",
        "caps",
        "open orders per venue; MAX_OPEN_ORDERS__<venue> overrides",
        minimum=Decimal(1),
        scope="venue",
    ),
    setting("MAX_LEVERAGE", "decimal", "5", "caps", "leverage", minimum=Decimal(1), maximum=Decimal(125)),
)
GOVERNOR = (
    setting(
        "MAX_DAILY_LOSS_USDT",
        "decimal",
        "2500",
        "governor",
        "realized loss of the day that engages HOLD; 0 disables",
        minimum=ZERO,
        aliases=("MAX_DAILY_LOSS_USD",),
    ),
    setting(
        "MAX_TOTAL_NOTIONAL_USD",
        "decimal",
        None,
        "governor",
        "exposure that engages HOLD; 0 disables; unset: MAX_TOTAL_NOTIONAL_USDT",
        minimum=ZERO,
    ),
    setting(
        "MAX_UNREALIZED_LOSS_USD",
        "decimal",
        "0",
        "governor",
        "unrealized loss that engages HOLD; 0 disables",
        minimum=ZERO,
    ),
    setting(
        "CLOCK_SKEW_HOLD_THRESHOLD_MS",
        "integer",
        "200",
        "governor",
        "clock skew that engages HOLD; 0 disables",
        minimum=ZERO,
    ),
)
STRATEGY = (
    setting(
        "STRATEGY_DAILY_LOSS_USDT",
        "decimal",
        "500",
        "strategy",
        "first daily loss limit of a strategy, in USDT",
        minimum=ZERO,
    ),
    setting(
        "STRATEGY_MAX_CONSECUTIVE_FAILURES",
        "integer",
        "3",
        "strategy",
        "failures in a row that freeze a strategy",
        minimum=Decimal(1),
    ),
)
RUNAWAY = (
    setting(
        "MAX_ORDERS_PER_MIN",
        "integer",
        "300",
        "runaway",
        "orders in a rolling minute that engage HOLD",
        minimum=Decimal(1),
    ),
    setting(
        "MAX_CANCELS_PER_MIN",
        "integer",
        "600",
        "runaway",
        "cancels in a rolling minute that engage HOLD",
        minimum=Decimal(1),
    ),
    setting(
        "EDGE_MAX_SLIPPAGE_BPS", "decimal", "5", "runaway", "average slippage that stops entries, in bps", minimum=ZERO
    ),
    setting(
        "EDGE_MAX_FAILURE_RATE",
        "decimal",
        "0.4",
        "runaway",
        "share of failed entries that stops entries",
        minimum=ZERO,
        maximum=Decimal(1),
    ),
    setting(
        "EDGE_HEAVY_EXPOSURE_USDT",
        "decimal",
        "50000",
        "runaway",
        "exposure that counts as heavy, in USDT",
        minimum=ZERO,
    ),
)
