"""Orders for tests, with client ids of the house's format."""

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.venues.base import OrderRequest


def new_client_order_id() -> str:
    return f"PBtst{secrets.token_hex(11)}A01"


def order(**changes: Any) -> OrderRequest:
    """A buy of 0.002 BTC at any price, immediate or cancel, valid for two seconds."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "client_order_id": new_client_order_id(),
        "symbol": "BTCUSDT",
        "side": "buy",
        "order_type": "limit",
        "time_in_force": "ioc",
        "quantity": Decimal("0.002"),
        "limit_price": Decimal(90000),
        "reduce_only": False,
        "sending_at": now,
        "expires_at": now + timedelta(seconds=2),
    }
    return OrderRequest(**(fields | changes))
