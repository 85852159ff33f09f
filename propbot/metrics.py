"""Counters and timings of every process; the web process adds them up (PROMETHEUS_MULTIPROC_DIR).

What the database or Redis knows is read at scrape time by the console instead of being counted here.
"""

from prometheus_client import Counter, Histogram

RISK_SKIPS = Counter("risk_skips_total", "Intents that risk turned away", ["reason", "strategy"])
ORDERS_SENT = Counter("propbot_orders_sent", "Orders put on the wire", ["venue", "kind"])
ORDER_OUTCOMES = Counter("propbot_order_outcomes", "Answers to orders by class", ["venue", "outcome"])
CANCELS = Counter("propbot_cancels", "Cancel requests by result", ["venue", "result"])
QUOTE_GAP_SECONDS = Histogram(
    "propbot_quote_gap_seconds",
    "Time between two quotes of one venue and symbol",
    ["venue"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
ORDER_CYCLE_SECONDS = Histogram(
    "propbot_order_cycle_seconds",
    "Time from the last check before the wire to the proof of what became of the order",
    ["venue"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15),
)
