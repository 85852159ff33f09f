"""What trading tells risk before it trades: frozen facts, no models, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class OrderIntent:
    """What one wants to trade, before the gate. Quantity in base units, money in USDT."""

    strategy: str
    symbol: str
    long_venue: str
    short_venue: str
    quantity: Decimal
    notional_usdt: Decimal
    leverage: Decimal
    simulated: bool
    initiator: str
    long_limit_price: Decimal | None = None
    short_limit_price: Decimal | None = None


@dataclass(frozen=True)
class StrategyExposure:
    open_notional_usdt: Decimal = Decimal(0)
    open_hedges: int = 0


@dataclass(frozen=True)
class ExposureSnapshot:
    """Real exposure of hedges that hold something: notional of one leg counts once per hedge.

    Reservations of hedges in flight are risk's own rows and are added by risk.
    """

    taken_at: datetime
    total_notional_usdt: Decimal = Decimal(0)
    open_hedges: int = 0
    partial_hedges: int = 0
    unresolved_hedges: int = 0
    per_venue: Mapping[str, Decimal] = field(default_factory=dict)
    per_symbol: Mapping[str, Decimal] = field(default_factory=dict)
    per_strategy: Mapping[str, StrategyExposure] = field(default_factory=dict)
    open_orders: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StrategyPnl:
    realized_today_usdt: Decimal = Decimal(0)
    realized_7d_usdt: Decimal = Decimal(0)
    realized_total_usdt: Decimal = Decimal(0)
    max_drawdown_usdt: Decimal = Decimal(0)


@dataclass(frozen=True)
class PnlFigures:
    """Real PnL from the ledger. ``unrealized_usdt`` is None while a mark is missing (unknown is not zero)."""

    taken_at: datetime
    realized_today_usdt: Decimal = Decimal(0)
    realized_total_usdt: Decimal = Decimal(0)
    unrealized_usdt: Decimal | None = None
    per_strategy: Mapping[str, StrategyPnl] = field(default_factory=dict)


@dataclass(frozen=True)
class VenueFigures:
    """What the governor and the margin guard must know of a venue; None is unread."""

    venue: str
    reachable: bool | None
    maintenance: bool
    read_only: bool
    clock_skew_ms: float | None
    clock_breaches: int
    margin_ratio: Decimal | None
    liquidation_distance: Decimal | None
    available_usdt: Decimal | None
    read_at: datetime | None
    equity_usdt: Decimal | None = None


@dataclass(frozen=True)
class ExecutionFigures:
    """Recent execution quality, for the edge guard and the runaway guard."""

    orders_last_minute: int = 0
    cancels_last_minute: int = 0
    average_slippage_bps: Decimal | None = None
    failure_rate: Decimal | None = None
    attempts_counted: int = 0
    unrealized_trend: tuple[Decimal, ...] = ()
