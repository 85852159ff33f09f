"""What the market itself does in a case: it leaves a resting quote alone, or comes to it."""

import time
from typing import Any

LONG, SHORT = "binance-um", "okx-perp"
AWAY_BPS, BACK_BPS, SECONDS = 40, -80, 4
WAIT_SECONDS = 5.0


def _move(simulator: Any, symbol: str, first: str, bps: int) -> str:
    """Move the first leg's venue away from a quote that rests there; negative: through it. Moves add up."""
    venue, signed = (LONG, bps) if first == "long" else (SHORT, -bps)
    simulator.ask(
        "/control/dislocate", "POST", {"venue": venue, "symbol": symbol, "bps": str(signed), "seconds": SECONDS}
    )
    return venue


def quote_left(simulator: Any, symbol: str, first: str) -> None:
    """At the touch a quote is taken within a second; from here on nobody comes near it."""
    _move(simulator, symbol, first, AWAY_BPS)


def quote_taken(simulator: Any, symbol: str, first: str) -> bool:
    """The market comes back and through the quote; True when that has filled it."""
    venue = _move(simulator, symbol, first, BACK_BPS)
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        orders = [order for order in simulator.orders() if order["venue"] == venue]
        if orders and orders[-1]["filled"] == orders[-1]["quantity"]:
            return True
        time.sleep(0.02)
    return False
