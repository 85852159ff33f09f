"""Standing facts of the risk tests without Django: the pure rules are tested and mutated with these alone."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from risk.intents import OrderIntent, VenueFigures

D = Decimal
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def venue_figures(venue: str, **changes: Any) -> VenueFigures:
    calm = VenueFigures(
        venue=venue,
        reachable=True,
        maintenance=False,
        read_only=False,
        clock_skew_ms=1.0,
        clock_breaches=0,
        margin_ratio=D("0.1"),
        liquidation_distance=D("0.5"),
        available_usdt=D(50_000),
        read_at=datetime.now(UTC),
    )
    return replace(calm, **changes)


def make_intent(**changes: Any) -> OrderIntent:
    standard = OrderIntent(
        strategy="cross_exchange_arb",
        symbol="BTCUSDT",
        long_venue="binance-um",
        short_venue="okx-perp",
        quantity=D("0.1"),
        notional_usdt=D(1000),
        leverage=D(1),
        simulated=False,
        initiator="alice",
    )
    return replace(standard, **changes)
