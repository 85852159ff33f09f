"""What the trading core remembers and tells: durable rows and events."""

from dataclasses import dataclass, field
from decimal import Decimal

from trading.simulator.accounts import Fill, Order

CENT = Decimal("0.00000001")


@dataclass
class OrderEvent:
    order: Order
    fill: Fill | None
    execution: str  # new, trade, canceled, expired, rejected


@dataclass
class AccountEvent:
    reason: str  # order, funding_fee, margin_transfer, …
    symbols: tuple[str, ...]


Event = OrderEvent | AccountEvent


@dataclass
class AccountRow:
    """What is durable of an account besides its orders, fills, positions and ledger."""

    wallet: Decimal
    fees_paid: Decimal
    funding_paid: Decimal
    next_id: int
    leverage: dict[str, int] = field(default_factory=dict)
    isolated: dict[str, bool] = field(default_factory=dict)
    hedge_mode: bool = False
    cancel_timers: dict[str, int] = field(default_factory=dict)
    funding_settled_ms: int = 0


@dataclass
class PositionRow:
    quantity: Decimal
    entry_price: Decimal
    realized: Decimal
    updated_ms: int


@dataclass
class Arrival:
    """One order request that reached the venue; `order_id` is 0 when it was refused."""

    number: int
    symbol: str
    client_order_id: str
    side: str
    quantity: str
    limit_price: str | None
    reduce_only: bool
    received_ms: int
    order_id: int = 0
    refusal: str = ""
