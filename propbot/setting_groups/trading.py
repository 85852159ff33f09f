"""The profile, the loop, the scanner and auto-hedge."""

from decimal import Decimal

from propbot.setting_groups.declare import ZERO, setting

PROFILE = (
    setting(
        "PROFILE",
        "text",
        "paper",
        "profile",
        "simulator, paper, testnet or live",
        choices=("simulator", "paper", "testnet", "live"),
    ),
    setting("MODE", "text", "", "profile", "label of this deployment in the metrics; changes nothing"),
    setting("SAFE_MODE", "flag", "true", "profile", "the desk always starts in SAFE_MODE; false changes nothing"),
    setting("DRY_RUN_ONLY", "flag", "true", "profile", "true: PropBot's own broker fills every order, in any profile"),
    setting("DRY_RUN_MODE", "flag", "true", "profile", "true: dry run at every start; false: keep the stored value"),
    setting("TWO_MAN_RULE", "flag", "true", "profile", "false lets one operator confirm alone; refused in live"),
    setting(
        "AUTOPILOT_ENABLE",
        "flag",
        "false",
        "profile",
        "true: resume by itself after a start when every blocker is clear",
    ),
    setting("POST_ONLY", "flag", "false", "profile", "quote the first leg as maker"),
    setting("REDUCE_ONLY", "flag", "false", "profile", "the desk only reduces"),
    setting("ENABLE_PLACE_TEST_ORDERS", "flag", "false", "profile", "must be true for orders in the testnet profile"),
    setting(
        "PROCESS", "text", "", "profile", "role of this process: web, trader, worker, beat, stream, telegram, flower"
    ),
)
LOOP = (
    setting(
        "ORDER_NOTIONAL_USDT",
        "decimal",
        "250",
        "loop",
        "notional of one automatic hedge, in USDT",
        minimum=Decimal("0.01"),
    ),
    setting(
        "MAX_SLIPPAGE_BPS",
        "decimal",
        "2",
        "loop",
        "how far through the touch an entry order is priced, in bps",
        minimum=ZERO,
        maximum=Decimal(1000),
    ),
    setting("MIN_SPREAD_BPS", "decimal", "0", "loop", "smallest net edge worth an entry, in bps", minimum=ZERO),
    setting(
        "TAKER_FEE_BPS_BINANCE",
        "decimal",
        None,
        "loop",
        "overrides the fee read from Binance, in bps",
        minimum=ZERO,
        maximum=Decimal(100),
    ),
    setting(
        "TAKER_FEE_BPS_OKX",
        "decimal",
        None,
        "loop",
        "overrides the fee read from OKX, in bps",
        minimum=ZERO,
        maximum=Decimal(100),
    ),
    setting(
        "POLL_INTERVAL_SEC",
        "decimal",
        "5",
        "loop",
        "seconds between loop steps",
        minimum=Decimal("0.5"),
        maximum=Decimal(3600),
    ),
    setting("LOOP_PAIR", "text", "", "loop", "uppercase symbol of the loop; unset: the strategy's default"),
    setting("LOOP_VENUES", "list", "", "loop", "comma list of the loop's venues; unset: the strategy's default"),
)
SCANNER = (
    setting(
        "SCAN_INTERVAL_SEC",
        "decimal",
        "5",
        "scanner",
        "seconds between scans",
        minimum=Decimal("0.5"),
        maximum=Decimal(3600),
    ),
    setting(
        "SCAN_LEVERAGE_SUGGESTION",
        "decimal",
        "1",
        "scanner",
        "leverage suggested with an opportunity",
        minimum=Decimal(1),
    ),
    setting(
        "AUTO_HEDGE_ENABLED", "flag", "false", "scanner", "first value of auto-hedge; later changes take two people"
    ),
    setting(
        "AUTO_HEDGE_SCAN_SECS",
        "decimal",
        "2",
        "scanner",
        "seconds between auto-hedge steps",
        minimum=Decimal("0.5"),
        maximum=Decimal(3600),
    ),
    setting(
        "MAX_AUTO_FAILS_PER_MIN",
        "integer",
        "3",
        "scanner",
        "auto-hedge failures in a rolling minute that engage HOLD",
        minimum=Decimal(1),
    ),
    setting(
        "MAX_QUOTE_AGE_MS",
        "integer",
        "2000",
        "scanner",
        "oldest quote that may be traded on, in ms",
        minimum=Decimal(1),
    ),
    setting(
        "OUTLIER_BPS",
        "decimal",
        "300",
        "scanner",
        "distance from the other venues' median that refuses a quote",
        minimum=Decimal(1),
    ),
    setting(
        "MAX_VENUE_LAG_MS",
        "integer",
        "1000",
        "scanner",
        "largest age difference of the two venues' quotes, in ms",
        minimum=Decimal(1),
    ),
    setting(
        "LEG_EXECUTION",
        "text",
        "sequential",
        "scanner",
        "sequential or concurrent",
        choices=("sequential", "concurrent"),
    ),
    setting("ORPHAN_LEG_POLICY", "text", "flatten", "scanner", "flatten or hold", choices=("flatten", "hold")),
    setting(
        "ORPHAN_MAX_SEC",
        "decimal",
        "15",
        "scanner",
        "deadline for an unmatched leg, in seconds",
        minimum=Decimal("0.1"),
        maximum=Decimal(600),
    ),
    setting(
        "ORPHAN_LOSS_CAP_BPS", "decimal", "50", "scanner", "edge loss at which re-hedging stops, in bps", minimum=ZERO
    ),
    setting(
        "EXIT_LADDER_BPS",
        "decimals",
        "5,15,50",
        "scanner",
        "exit prices through the touch, in bps, then market",
        minimum=ZERO,
    ),
    setting(
        "CONVERGED_BPS",
        "decimal",
        "1",
        "scanner",
        "exit spread within this of the standing basis closes, in bps",
        minimum=ZERO,
    ),
    setting(
        "BASIS_WINDOW_MIN", "integer", "60", "scanner", "minutes of the standing basis' median", minimum=Decimal(1)
    ),
    setting(
        "TAKE_PROFIT_BPS", "decimal", None, "scanner", "spread capture that closes, in bps; unset: off", minimum=ZERO
    ),
    setting(
        "MAX_HOLDING_SEC",
        "integer",
        None,
        "scanner",
        "longest holding time, in seconds; unset: off",
        minimum=Decimal(1),
    ),
    setting(
        "RECONCILE_INTERVAL_SEC",
        "decimal",
        "30",
        "scanner",
        "seconds between reconciliation rounds",
        minimum=Decimal(1),
    ),
    setting("RECON_HOLD_USDT", "decimal", "50", "scanner", "difference that engages HOLD, in USDT", minimum=ZERO),
    setting(
        "RELIABILITY_TIME_DIVISOR",
        "integer",
        "1",
        "scanner",
        "divides the waits of the resolver; for the chaos harness",
        minimum=Decimal(1),
        maximum=Decimal(100),
    ),
)
