"""What PropBot asks of a venue, and the words in which it answers.

Every quantity is in base units and every price in USDT: contracts, multipliers and symbols of the
venue stay inside its adapter. Times are aware UTC. Nothing here knows ccxt or Django.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class VenueError(Exception):
    """A read that gave no usable answer: unknown, which is never zero and never flat (law 9)."""

    def __init__(self, venue: str, code: str, message: str) -> None:
        super().__init__(f"{venue}: {code}: {message}")
        self.venue = venue
        self.code = code
        self.message = message


class OutcomeKind(StrEnum):
    """RELIABILITY S1. Whatever is not proved is UNKNOWN."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXISTS = "exists"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


class VenueOrderStatus(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True)
class OrderRequest:
    """One order for one venue. ``expires_at`` is where the venue itself must refuse it (S3)."""

    client_order_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    quantity: Decimal
    limit_price: Decimal | None
    reduce_only: bool
    sending_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class VenueOrder:
    """An order as the venue tells it."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    status: VenueOrderStatus
    side: str
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    reduce_only: bool
    updated_at: datetime | None


@dataclass(frozen=True)
class Outcome:
    """What became of a mutating call. ``order`` is set when the answer itself proves its state."""

    kind: OutcomeKind
    code: str = ""
    text: str = ""
    venue_order_id: str = ""
    order: VenueOrder | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True)
class VenueFill:
    trade_id: str
    venue_order_id: str
    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee_usdt: Decimal
    is_maker: bool
    filled_at: datetime


@dataclass(frozen=True)
class VenuePosition:
    """``quantity`` is signed: positive is long."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal | None
    mark_price: Decimal | None
    liquidation_price: Decimal | None
    unrealized_pnl_usdt: Decimal | None


@dataclass(frozen=True)
class VenueAccount:
    wallet_usdt: Decimal
    equity_usdt: Decimal
    available_usdt: Decimal
    maintenance_margin_usdt: Decimal | None
    read_at: datetime


@dataclass(frozen=True)
class VenueLedgerRow:
    """``amount`` is positive when the wallet grew. kind: funding, fee, realized_pnl, transfer, other."""

    reference: str
    kind: str
    symbol: str
    amount: Decimal
    currency: str
    at: datetime


@dataclass(frozen=True)
class InstrumentInfo:
    """Sizes in base units; ``contract_size`` is base units per venue contract."""

    symbol: str
    venue_symbol: str
    active: bool
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None
    min_notional_usdt: Decimal | None
    contract_size: Decimal
    max_leverage: Decimal | None


@dataclass(frozen=True)
class FeeInfo:
    symbol: str
    taker_bps: Decimal
    maker_bps: Decimal


@dataclass(frozen=True)
class FundingInfo:
    symbol: str
    rate: Decimal
    next_at: datetime | None
    interval_hours: Decimal | None


@dataclass(frozen=True)
class Quote:
    """Best bid and ask. ``venue_at`` is the venue's time, ``received_at`` ours; age uses the older."""

    venue: str
    symbol: str
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    venue_at: datetime | None
    received_at: datetime


@dataclass(frozen=True)
class Mark:
    venue: str
    symbol: str
    mark_price: Decimal
    venue_at: datetime | None
    received_at: datetime


@dataclass(frozen=True)
class Book:
    """Levels as (price, base quantity), best first."""

    venue: str
    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    venue_at: datetime | None
    received_at: datetime


@dataclass(frozen=True)
class ClockSample:
    """``skew_ms`` > 0: the venue's clock is ahead; median of five midpoints."""

    skew_ms: float
    half_round_trip_ms: float
    at: datetime


@dataclass(frozen=True)
class VenueStatus:
    maintenance: bool
    text: str = ""


@dataclass(frozen=True)
class Preflight:
    """What must be true of an account before the first order; ``problems`` are sentences."""

    ok: bool
    problems: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


class VenueClient(Protocol):
    """One venue account. Mutating calls never raise for the venue's troubles: they answer an Outcome.

    Reads raise VenueError when there is no usable answer.
    """

    venue: str

    async def acquire_order_slot(self) -> None:
        """Wait for PropBot's own limiter: before the order is marked as sending, never after."""

    async def submit(self, request: OrderRequest) -> Outcome: ...

    async def cancel(self, symbol: str, client_order_id: str, *, venue_order_id: str = "") -> Outcome:
        """By our id; by the venue's where an order has none of ours (made on OKX's own website)."""

    async def fetch_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """None: the venue answered that it does not know this id (not yet a proof, see S3)."""

    async def fetch_open_orders(self, symbol: str | None = None) -> list[VenueOrder]: ...

    async def fetch_fills(self, symbol: str, since: datetime) -> list[VenueFill]: ...

    async def fetch_cause(self, symbol: str, venue_order_id: str) -> str:
        """Who made an order that is not ours, in the venue's own words: "adl", "liquidation", or "" (another hand, or
        the venue does not tell)."""

    async def fetch_positions(self) -> list[VenuePosition]: ...

    async def fetch_account(self) -> VenueAccount: ...

    async def fetch_ledger(self, since: datetime) -> list[VenueLedgerRow]: ...

    async def fetch_instruments(self) -> list[InstrumentInfo]: ...

    async def fetch_fee(self, symbol: str) -> FeeInfo: ...

    async def fetch_funding(self, symbols: Sequence[str]) -> list[FundingInfo]: ...

    async def fetch_quotes(self, symbols: Sequence[str]) -> list[Quote]: ...

    async def fetch_marks(self, symbols: Sequence[str]) -> list[Mark]: ...

    async def fetch_book(self, symbol: str, depth: int) -> Book: ...

    async def fetch_volumes(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        """24 h volume in USDT; symbols without a figure are absent."""

    async def set_leverage(self, symbol: str, leverage: Decimal) -> Outcome: ...

    async def preflight(self) -> Preflight: ...

    async def measure_clock(self) -> ClockSample: ...

    async def fetch_status(self) -> VenueStatus: ...

    async def arm_cancel_timer(self, symbols: Sequence[str], seconds: float) -> Outcome: ...

    async def disarm_cancel_timer(self, symbols: Sequence[str]) -> Outcome: ...

    async def close(self) -> None: ...
