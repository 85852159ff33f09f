"""PropBot's own broker: dry run and paper orders filled against what the venues really quote.

It owns no market: an order fills at the levels it is shown, up to their sizes, and no further. Without
a fresh two-sided quote it rejects; it never invents a price. Resting orders fill as maker when a later
quote trades through them, looked at whenever somebody asks.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading.venues.base import (
    Book,
    ClockSample,
    FeeInfo,
    FundingInfo,
    InstrumentInfo,
    Mark,
    OrderRequest,
    Outcome,
    OutcomeKind,
    Preflight,
    Quote,
    VenueAccount,
    VenueError,
    VenueFill,
    VenueLedgerRow,
    VenueOrder,
    VenueOrderStatus,
    VenuePosition,
    VenueStatus,
)
from trading.venues.dialect import BPS, now

Level = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class PaperMarket:
    """What an order meets: the freshest quote or book, and the instrument's rules and fees in bps."""

    view: Quote | Book | None
    instrument: InstrumentInfo | None
    taker_fee_bps: Decimal
    maker_fee_bps: Decimal


QuoteSource = Callable[[str], Awaitable[PaperMarket]]


@dataclass(frozen=True)
class Match:
    """What the shown levels give: quantity and its cost in USDT."""

    quantity: Decimal
    cost: Decimal

    @property
    def average_price(self) -> Decimal | None:
        return self.cost / self.quantity if self.quantity > 0 else None


def touch_levels(view: Quote | Book, side: str) -> tuple[Level, ...]:
    """The levels that an order of this side takes, best first."""
    if isinstance(view, Book):
        return view.asks if side == "buy" else view.bids
    return ((view.ask, view.ask_quantity),) if side == "buy" else ((view.bid, view.bid_quantity),)


def is_quoted(view: Quote | Book, side: str) -> bool:
    return any(price > 0 and size > 0 for price, size in touch_levels(view, side)[:1])


def walk(levels: Sequence[Level], side: str, quantity: Decimal, limit_price: Decimal | None) -> Match:
    """Take the levels in turn until the quantity, the limit or the shown depth ends."""
    left, cost = quantity, Decimal(0)
    for price, size in levels:
        beyond = limit_price is not None and (price > limit_price if side == "buy" else price < limit_price)
        if beyond or left <= 0:
            break
        taken = min(left, size)
        left, cost = left - taken, cost + taken * price
    return Match(quantity - left, cost)


def age(view: Quote | Book, at: datetime) -> timedelta:
    """By the older of the venue's time and ours (C1)."""
    times = [view.received_at] if view.venue_at is None else [view.received_at, view.venue_at]
    return at - min(times)


def refusal(market: PaperMarket, request: OrderRequest, at: datetime, max_age_ms: int) -> tuple[str, str] | None:
    """Why this order cannot be filled honestly, as (code, sentence)."""
    view, info = market.view, market.instrument
    if view is None or info is None:
        return "no_quote", f"there is no quote of {request.symbol} to fill against"
    if age(view, at) > timedelta(milliseconds=max_age_ms):
        return "stale_quote", f"the quote of {request.symbol} is older than {max_age_ms} ms"
    if not (is_quoted(view, "buy") and is_quoted(view, "sell")):
        return "stale_quote", f"the quote of {request.symbol} has an empty side"
    if request.quantity <= 0 or request.quantity % info.lot_size != 0 or request.quantity < info.min_quantity:
        return (
            "below_minimum",
            f"quantity {request.quantity} is no multiple of {info.lot_size} from {info.min_quantity}",
        )
    price = request.limit_price or touch_levels(view, request.side)[0][0]
    smallest = info.min_notional_usdt
    if smallest is not None and not request.reduce_only and not request.quantity * price >= smallest:
        return "below_minimum", f"notional {request.quantity * price} is below the minimum {smallest}"
    return None


@dataclass(frozen=True)
class PaperOrder:
    order: VenueOrder
    time_in_force: str
    placed_at: datetime
    fills: tuple[VenueFill, ...] = ()


class PaperBroker:
    """A VenueClient without a venue. Orders live as long as the process: positions are the caller's ledger."""

    def __init__(
        self,
        venue: str,
        quotes: QuoteSource,
        *,
        max_age_ms: int,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.venue = venue
        self._quotes = quotes
        self._max_age_ms = max_age_ms
        self._clock = clock
        self._orders: dict[str, PaperOrder] = {}

    def __repr__(self) -> str:
        return f"<paper broker on {self.venue}>"

    async def acquire_order_slot(self) -> None:
        """There is no rate to keep."""

    async def submit(self, request: OrderRequest) -> Outcome:
        if request.client_order_id in self._orders:
            return Outcome(OutcomeKind.EXISTS, "duplicate", "this client order id exists already")
        market, at = await self._quotes(request.symbol), self._clock()
        refused = refusal(market, request, at, self._max_age_ms)
        if refused or market.view is None:
            code, text = refused or ("no_quote", "")
            return Outcome(OutcomeKind.REJECTED, code, text)
        match = walk(touch_levels(market.view, request.side), request.side, request.quantity, request.limit_price)
        if request.time_in_force == "post_only" and match.quantity > 0:
            return Outcome(OutcomeKind.REJECTED, "would_take", "a post-only order would have taken liquidity")
        return self._accept(request, match, market, at)

    def _accept(self, request: OrderRequest, match: Match, market: PaperMarket, at: datetime) -> Outcome:
        placed = PaperOrder(_new_order(self.venue, request, at), request.time_in_force, at)
        resting = request.order_type == "limit" and request.time_in_force in ("gtc", "post_only")
        placed = self._filled(placed, match, market.taker_fee_bps, at, is_maker=False)
        if placed.order.status == VenueOrderStatus.OPEN and not resting:
            placed = replace(placed, order=replace(placed.order, status=VenueOrderStatus.EXPIRED))
        self._orders[request.client_order_id] = placed
        return Outcome(OutcomeKind.ACCEPTED, venue_order_id=placed.order.venue_order_id, order=placed.order)

    def _filled(
        self, placed: PaperOrder, match: Match, fee_bps: Decimal, at: datetime, *, is_maker: bool
    ) -> PaperOrder:
        price = match.average_price
        if price is None:
            return placed
        order, number = placed.order, len(placed.fills) + 1
        fill = VenueFill(
            trade_id=f"{order.venue_order_id}-{number}",
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            quantity=match.quantity,
            price=price,
            fee_usdt=match.cost * fee_bps / BPS,
            is_maker=is_maker,
            filled_at=at,
        )
        fills = (*placed.fills, fill)
        return replace(placed, order=_with_fills(order, fills, at), fills=fills)

    async def cancel(self, symbol: str, client_order_id: str, *, venue_order_id: str = "") -> Outcome:
        placed = self._orders.get(client_order_id)
        if placed is None or placed.order.status != VenueOrderStatus.OPEN:
            return Outcome(OutcomeKind.REJECTED, "not_open", "there is no such open order")
        order = replace(placed.order, status=VenueOrderStatus.CANCELED, updated_at=self._clock())
        self._orders[client_order_id] = replace(placed, order=order)
        return Outcome(OutcomeKind.ACCEPTED, venue_order_id=order.venue_order_id, order=order)

    async def fetch_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        placed = self._orders.get(client_order_id)
        return None if placed is None else (await self._looked_at(placed)).order

    async def _looked_at(self, placed: PaperOrder) -> PaperOrder:
        """A resting order meets the freshest quote; only a price through its limit fills it, at the limit."""
        order, at = placed.order, self._clock()
        if order.status != VenueOrderStatus.OPEN or order.limit_price is None:
            return placed
        market = await self._quotes(order.symbol)
        if market.view is None or age(market.view, at) > timedelta(milliseconds=self._max_age_ms):
            return placed
        left = order.quantity - order.filled_quantity
        through = walk(touch_levels(market.view, order.side), order.side, left, order.limit_price)
        at_limit = Match(through.quantity, through.quantity * order.limit_price)
        placed = self._filled(placed, at_limit, market.maker_fee_bps, at, is_maker=True)
        self._orders[order.client_order_id] = placed
        return placed

    async def fetch_open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        looked_at = [(await self._looked_at(placed)).order for placed in list(self._orders.values())]
        return [
            order for order in looked_at if order.status == VenueOrderStatus.OPEN and symbol in (None, order.symbol)
        ]

    async def fetch_fills(self, symbol: str, since: datetime) -> list[VenueFill]:
        fills = [fill for placed in self._orders.values() for fill in placed.fills]
        return [fill for fill in fills if fill.symbol == symbol and fill.filled_at >= since]

    async def fetch_cause(self, symbol: str, venue_order_id: str) -> str:
        return ""

    async def fetch_instruments(self) -> list[InstrumentInfo]:
        return []

    async def fetch_fee(self, symbol: str) -> FeeInfo:
        market = await self._quotes(symbol)
        return FeeInfo(symbol, market.taker_fee_bps, market.maker_fee_bps)

    async def fetch_quotes(self, symbols: Sequence[str]) -> list[Quote]:
        views = [(await self._quotes(symbol)).view for symbol in symbols]
        return [view for view in views if isinstance(view, Quote)]

    async def fetch_book(self, symbol: str, depth: int) -> Book:
        view = (await self._quotes(symbol)).view
        if isinstance(view, Book):
            return view
        if view is None:
            raise VenueError(self.venue, "no_quote", f"there is no quote of {symbol}")
        bids, asks = touch_levels(view, "sell"), touch_levels(view, "buy")
        return Book(self.venue, symbol, bids, asks, view.venue_at, view.received_at)

    async def set_leverage(self, symbol: str, leverage: Decimal) -> Outcome:
        return Outcome(OutcomeKind.ACCEPTED)

    async def preflight(self) -> Preflight:
        return Preflight(ok=True, facts={"broker": "paper"})

    async def measure_clock(self) -> ClockSample:
        return ClockSample(0.0, 0.0, self._clock())

    async def fetch_status(self) -> VenueStatus:
        return VenueStatus(maintenance=False, text="paper")

    async def arm_cancel_timer(self, symbols: Sequence[str], seconds: float) -> Outcome:
        return Outcome(OutcomeKind.ACCEPTED)

    async def disarm_cancel_timer(self, symbols: Sequence[str]) -> Outcome:
        return Outcome(OutcomeKind.ACCEPTED)

    async def close(self) -> None:
        """Nothing is held open."""

    # The account of a paper broker is the caller's ledger: these have no answer here, and none is invented.

    async def fetch_positions(self) -> list[VenuePosition]:
        raise self._no_account("positions")

    async def fetch_account(self) -> VenueAccount:
        raise self._no_account("balance")

    async def fetch_ledger(self, since: datetime) -> list[VenueLedgerRow]:
        raise self._no_account("ledger")

    async def fetch_funding(self, symbols: Sequence[str]) -> list[FundingInfo]:
        raise self._no_account("funding")

    async def fetch_marks(self, symbols: Sequence[str]) -> list[Mark]:
        raise self._no_account("marks")

    async def fetch_volumes(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        raise self._no_account("volumes")

    def _no_account(self, what: str) -> VenueError:
        return VenueError(self.venue, "paper", f"the paper broker has no {what}: read the ledger or the venue")


def _new_order(venue: str, request: OrderRequest, at: datetime) -> VenueOrder:
    """The venue order id follows from venue and client id, so that a run repeats exactly."""
    digest = hashlib.sha256(f"{venue}:{request.client_order_id}".encode()).hexdigest()
    return VenueOrder(
        client_order_id=request.client_order_id,
        venue_order_id=f"paper-{digest[:16]}",
        symbol=request.symbol,
        status=VenueOrderStatus.OPEN,
        side=request.side,
        quantity=request.quantity,
        filled_quantity=Decimal(0),
        average_price=None,
        limit_price=request.limit_price,
        reduce_only=request.reduce_only,
        updated_at=at,
    )


def _with_fills(order: VenueOrder, fills: Sequence[VenueFill], at: datetime) -> VenueOrder:
    quantity = sum((fill.quantity for fill in fills), Decimal(0))
    cost = sum((fill.quantity * fill.price for fill in fills), Decimal(0))
    return replace(
        order,
        status=VenueOrderStatus.FILLED if quantity == order.quantity else VenueOrderStatus.OPEN,
        filled_quantity=quantity,
        average_price=cost / quantity,
        updated_at=at,
    )
