"""Listen keys and the account's messages on Binance USD-M's user data stream."""

import secrets
from typing import Any

from trading.simulator.accounts import ZERO
from trading.simulator.binance import views
from trading.simulator.exchange import AccountEvent, Exchange, OrderEvent
from trading.simulator.instruments import plain
from trading.simulator.wire import VenueError

LIFETIME_MS = 3_600_000
REASONS = {"order": "ORDER", "funding_fee": "FUNDING_FEE", "margin_transfer": "DEPOSIT"}
EXECUTIONS = {"new": "NEW", "trade": "TRADE", "canceled": "CANCELED", "expired": "EXPIRED"}


class ListenKeys:
    """One live key per account, valid for an hour and renewed by POST and PUT."""

    def __init__(self) -> None:
        self._key, self._expires_ms = "", 0

    def answer(self, method: str, key: str | None, now_ms: int) -> dict[str, Any]:
        if method == "POST":
            if not self.live(self._key, now_ms):
                self._key = secrets.token_hex(32)
        elif not self.live(key or self._key, now_ms):
            raise VenueError(400, -1125, "This listenKey does not exist.")
        if method == "DELETE":
            self._key = ""
            return {}
        self._expires_ms = now_ms + LIFETIME_MS
        return {"listenKey": self._key}

    def live(self, key: str, now_ms: int) -> bool:
        return bool(key) and key == self._key and now_ms < self._expires_ms


def order_frame(core: Exchange, event: OrderEvent) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE: the order after the event, and the fill that caused it."""
    order, fill, now = event.order, event.fill, core.now_ms()
    row = {
        "s": core.instrument(order.symbol).venue_id,
        "c": order.client_id,
        "S": order.side.upper(),
        "o": order.venue_type,
        "f": order.time_in_force if order.kind == "limit" else "GTC",
        "q": plain(order.quantity),
        "p": plain(order.price or ZERO),
        "ap": plain(order.average.quantize(views.EIGHT)),
        "sp": "0",
        "x": EXECUTIONS[event.execution],
        "X": views.STATUS[order.status],
        "i": order.id,
        "l": plain(fill.quantity) if fill else "0",
        "z": plain(order.filled),
        "L": plain(fill.price) if fill else "0",
        "n": views.eight(fill.fee) if fill else "0",
        "N": "USDT",
        "T": order.updated_ms,
        "t": fill.id if fill else 0,
        "b": "0",
        "a": "0",
        "m": bool(fill and fill.maker),
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": order.venue_type,
        "ps": "BOTH",
        "cp": False,
        "rp": views.eight(fill.realized) if fill else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "NONE",
        "pm": "NONE",
        "gtd": 0,
    }
    if event.order.category != "normal":
        row["x"] = "CALCULATED" if event.fill else row["x"]
    return {"e": "ORDER_TRADE_UPDATE", "E": now, "T": now, "o": row}


def account_frame(core: Exchange, event: AccountEvent) -> dict[str, Any]:
    """ACCOUNT_UPDATE: the wallet, and the positions that the event touched."""
    now, wallet = core.now_ms(), views.eight(core.account.wallet)
    positions = []
    for symbol in event.symbols if event.reason == "order" else ():
        one = core.account.position(symbol)
        positions.append(
            {
                "s": core.instrument(symbol).venue_id,
                "pa": plain(one.quantity),
                "ep": plain(one.entry_price.quantize(views.EIGHT)),
                "bep": plain(one.entry_price.quantize(views.EIGHT)),
                "cr": views.eight(one.realized),
                "up": views.eight(one.unrealized(core.mark(symbol))),
                "mt": "cross",
                "iw": "0",
                "ps": "BOTH",
            }
        )
    balance = {"a": "USDT", "wb": wallet, "cw": wallet, "bc": "0"}
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now,
        "T": now,
        "a": {"m": REASONS[event.reason], "B": [balance], "P": positions},
    }
