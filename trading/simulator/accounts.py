"""One account per venue: wallet, positions, orders, fills and the ledger that explains the wallet.

Money is exact: the wallet moves by realized PnL, fees, funding and transfers and by nothing else, and every
movement is a `LedgerEntry`. Quantities are base units, positions are one-way (net), margin is cross.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

ZERO = Decimal(0)
OPEN_STATES = ("new", "partially_filled")
DEFAULT_LEVERAGE = 20


class Tier(NamedTuple):
    """One maintenance-margin bracket by notional in USDT; `deducted` makes the steps continuous."""

    ceiling: Decimal
    max_leverage: int
    rate: Decimal
    deducted: Decimal


# Binance's published brackets of BTCUSDT, used for every symbol of both venues.
TIERS = (
    Tier(Decimal(50_000), 125, Decimal("0.004"), ZERO),
    Tier(Decimal(600_000), 100, Decimal("0.005"), Decimal(50)),
    Tier(Decimal(3_000_000), 75, Decimal("0.0065"), Decimal(950)),
    Tier(Decimal(12_000_000), 50, Decimal("0.01"), Decimal(11_450)),
    Tier(Decimal(70_000_000), 25, Decimal("0.02"), Decimal(131_450)),
    Tier(Decimal(10_000_000_000), 10, Decimal("0.05"), Decimal(2_231_450)),
)


def tier_of(notional: Decimal) -> Tier:
    return next((tier for tier in TIERS if notional <= tier.ceiling), TIERS[-1])


def maintenance_margin(notional: Decimal) -> Decimal:
    tier = tier_of(notional)
    return max(ZERO, notional * tier.rate - tier.deducted)


@dataclass
class Order:
    """Prices in USDT, quantities in base units, times in milliseconds of the venue's clock."""

    id: int
    client_id: str
    symbol: str
    side: str  # buy, sell
    kind: str  # market, limit
    time_in_force: str  # GTC, IOC, FOK, GTX
    venue_type: str  # the type as the venue's own protocol names it
    price: Decimal | None
    quantity: Decimal
    reduce_only: bool
    created_ms: int
    updated_ms: int
    status: str = "new"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    realized: Decimal = ZERO
    leverage: int = DEFAULT_LEVERAGE
    cancel_source: str = ""
    category: str = "normal"
    visible_from_ms: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATES

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1


@dataclass
class Fill:
    """One execution; `fee` is positive when paid, `realized` excludes it."""

    id: int
    order_id: int
    client_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    realized: Decimal
    maker: bool
    at_ms: int


@dataclass
class LedgerEntry:
    """One movement of the wallet: commission, realized_pnl, funding, transfer, insurance."""

    id: int
    kind: str
    symbol: str
    amount: Decimal
    balance: Decimal
    at_ms: int
    order_id: int = 0
    fill_id: int = 0
    quantity: Decimal = ZERO
    price: Decimal = ZERO


@dataclass
class Position:
    symbol: str
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    realized: Decimal = ZERO
    updated_ms: int = 0

    def unrealized(self, mark: Decimal) -> Decimal:
        return self.quantity * (mark - self.entry_price)

    def apply(self, signed: Decimal, price: Decimal) -> Decimal:
        """Books a fill of signed base units; returns the PnL it realized."""
        if self.quantity * signed >= 0:
            total = self.quantity + signed
            self.entry_price = (self.quantity * self.entry_price + signed * price) / total
            self.quantity = total
            return ZERO
        closed = min(abs(signed), abs(self.quantity))
        realized = closed * (price - self.entry_price) * (1 if self.quantity > 0 else -1)
        self.quantity += signed
        if abs(signed) > closed:
            self.entry_price = price
        if not self.quantity:
            self.entry_price = ZERO
        self.realized += realized
        return realized


@dataclass
class Settings:
    """What the account holder chose, and the timers of the dead man's switch."""

    leverage: dict[str, int] = field(default_factory=dict)
    isolated: dict[str, bool] = field(default_factory=dict)
    hedge_mode: bool = False
    cancel_timers: dict[str, int] = field(default_factory=dict)  # symbol, or * for all, to the due time in ms
    funding_settled_ms: int = 0


@dataclass
class Account:
    venue: str
    wallet: Decimal
    maker_rate: Decimal
    taker_rate: Decimal
    fees_paid: Decimal = ZERO
    funding_paid: Decimal = ZERO
    next_id: int = 0
    settings: Settings = field(default_factory=Settings)
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    open_orders: dict[int, Order] = field(default_factory=dict)
    by_client_id: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)

    def leverage_of(self, symbol: str) -> int:
        return self.settings.leverage.get(symbol, DEFAULT_LEVERAGE)

    def position(self, symbol: str) -> Position:
        return self.positions.setdefault(symbol, Position(symbol))

    def held(self, symbol: str) -> Decimal:
        position = self.positions.get(symbol)
        return position.quantity if position else ZERO

    def take_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def remember(self, order: Order) -> None:
        """A client id finds the latest order that carried it."""
        self.orders[order.id] = order
        self.by_client_id[order.client_id] = order
        if order.is_open:
            self.open_orders[order.id] = order

    def open_with_client_id(self, client_id: str) -> Order | None:
        order = self.by_client_id.get(client_id)
        return order if order is not None and order.is_open else None

    def reducible(self, order: Order) -> Decimal:
        """How much a reduce-only order on this side may still fill."""
        held = self.held(order.symbol)
        return abs(held) if held * order.sign < 0 else ZERO
