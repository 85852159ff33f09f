"""Accepting, matching and canceling orders; protocol-free."""

from copy import copy
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from trading.simulator.accounts import ZERO, Fill, LedgerEntry, Order
from trading.simulator.book import ASK, BID, Book
from trading.simulator.holdings import Holdings
from trading.simulator.instruments import OKX, Instrument
from trading.simulator.ladder import Level
from trading.simulator.orders import (
    NewOrder,
    Reason,
    RefusalError,
    acceptable,
    check_notional,
    check_price,
    check_quantity,
    limit_ticks,
    plan_fills,
)
from trading.simulator.records import CENT, AccountEvent, Arrival, OrderEvent

MAX_OPEN_ORDERS = 200


@dataclass
class Liquidity:
    """How an execution was: as taker against the book, or as maker at the order's own price."""

    maker: bool
    category: str = "normal"


class OrderDesk(Holdings):
    """Every public method either does what it says or raises a RefusalError and changes nothing."""

    def record_arrival(self, new: NewOrder) -> Arrival:
        arrival = Arrival(
            len(self.arrivals) + 1,
            new.symbol,
            new.client_id,
            new.side,
            str(new.quantity),
            None if new.price is None else str(new.price),
            new.reduce_only,
            self.now_ms(),
        )
        self.arrivals.append(arrival)
        self.store.put("arrival", self.venue, str(arrival.number), arrival)
        return arrival

    def submit(self, new: NewOrder) -> Order:
        """Places and matches an order; a RefusalError means that nothing was placed."""
        arrival = self.record_arrival(new)
        try:
            book = self.book(new.symbol)
            self._check(new, book)
            order = self._create(new, book.instrument)
            arrival.order_id = order.id
            self._match(order, new, book)
        except RefusalError as refusal:
            arrival.refusal = refusal.reason.name
            raise
        return order

    def refuse_arrival(self, new: NewOrder, why: str) -> None:
        """An order that did not get past authentication is listed all the same."""
        self.record_arrival(new).refusal = why

    def _check(self, new: NewOrder, book: Book) -> None:
        instrument = book.instrument
        if not instrument.linear:
            raise RefusalError(Reason.NOT_TRADING, instrument.venue_id)
        check_quantity(new, instrument)
        check_price(new, instrument, self.market.mark(book))
        if not book.bids or not book.asks:
            raise RefusalError(Reason.NO_MARKET, instrument.venue_id)
        check_notional(new, instrument, self.market.mark(book))
        if new.client_id and self.account.open_with_client_id(new.client_id):
            raise RefusalError(Reason.DUPLICATE_CLIENT_ID, new.client_id)
        if len(self.account.open_orders) >= MAX_OPEN_ORDERS:
            raise RefusalError(Reason.TOO_MANY_ORDERS, str(MAX_OPEN_ORDERS))
        self._check_exposure(new, book)
        if new.time_in_force == "GTX" and self.venue != OKX and self._crosses(new, book):
            raise RefusalError(Reason.POST_ONLY)

    @staticmethod
    def _crosses(new: NewOrder, book: Book) -> bool:
        best = book.asks if new.side == "buy" else book.bids
        return acceptable(best[0], new.sign, limit_ticks(new, book.instrument))

    def _check_exposure(self, new: NewOrder, book: Book) -> None:
        held = self.account.held(book.instrument.symbol)
        reducible = abs(held) if held * new.sign < 0 else ZERO
        if new.reduce_only:
            if not reducible:
                raise RefusalError(Reason.REDUCE_ONLY)
            if self.venue == OKX:  # OKX cuts the order to the position, Binance lets the rest expire
                new.quantity = min(new.quantity, reducible)
            return
        best = book.asks if new.side == "buy" else book.bids
        price = new.price if new.price is not None else book.instrument.price(best[0][0])
        increase = max(ZERO, new.quantity - reducible)
        needed = (
            increase * price * (1 / Decimal(self.account.leverage_of(book.instrument.symbol)) + self.account.taker_rate)
        )
        if needed > self.available():
            raise RefusalError(Reason.MARGIN)

    def _create(self, new: NewOrder, instrument: Instrument) -> Order:
        now = self.now_ms()
        order = Order(
            id=self._first_id + self.account.take_id(),
            client_id=new.client_id,
            symbol=instrument.symbol,
            side=new.side,
            kind=new.kind,
            time_in_force=new.time_in_force,
            venue_type=new.venue_type,
            price=new.price,
            quantity=new.quantity,
            reduce_only=new.reduce_only,
            created_ms=now,
            updated_ms=now,
            leverage=self.account.leverage_of(instrument.symbol),
        )
        self.account.remember(order)
        self._changed(order, None, "new")
        return order

    def _match(self, order: Order, new: NewOrder, book: Book) -> None:
        levels = book.asks if order.side == "buy" else book.bids
        limit = limit_ticks(new, book.instrument)
        if order.time_in_force == "GTX" and acceptable(levels[0], order.sign, limit):
            return self._end(order, "31")
        wanted = order.quantity if not order.reduce_only else min(order.quantity, self.account.reducible(order))
        if new.fraction is not None:
            wanted = min(wanted, order.quantity * new.fraction)
        fills = plan_fills(levels, order.sign, limit, book.instrument.lots(wanted))
        if order.time_in_force == "FOK" and sum(lots for _, lots in fills) < book.instrument.lots(order.quantity):
            fills = []
        self._execute(order, book, fills, Liquidity(maker=False))
        if not order.is_open:
            return None
        if order.time_in_force in ("IOC", "FOK") or order.kind == "market":
            return self._end(order, "14")
        book.own_orders += 1
        return None

    def _execute(self, order: Order, book: Book, fills: list[Level], how: Liquidity) -> None:
        if not fills:
            return
        book.take(ASK if order.side == "buy" else BID, fills)
        for ticks, lots in fills:
            price = order.price if how.maker and order.price is not None else book.instrument.price(ticks)
            self._fill(order, price, book.instrument.quantity(lots), how)
            book.last_trade = (ticks, lots)
        self.market.republish(book)
        self.outbox.append(AccountEvent("order", (order.symbol,)))

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, how: Liquidity) -> None:
        account, now = self.account, self.now_ms()
        position = account.position(order.symbol)
        realized = position.apply(order.sign * quantity, price).quantize(CENT, ROUND_HALF_EVEN)
        rate = account.maker_rate if how.maker else account.taker_rate
        fee = (price * quantity * rate).quantize(CENT, ROUND_HALF_EVEN)
        position.updated_ms = order.updated_ms = now
        order.filled, order.cost = order.filled + quantity, order.cost + price * quantity
        order.fee, order.realized = order.fee + fee, order.realized + realized
        order.status = "filled" if order.filled >= order.quantity else "partially_filled"
        fill = Fill(
            self._first_id + account.take_id(),
            order.id,
            order.client_id,
            order.symbol,
            order.side,
            price,
            quantity,
            fee,
            realized,
            how.maker,
            now,
        )
        account.fills.append(fill)
        account.fees_paid += fee
        self.store.put("fill", self.venue, str(fill.id), fill)
        self._save_position(order.symbol)
        self._post(
            LedgerEntry(0, "realized_pnl", order.symbol, realized, ZERO, now, order.id, fill.id, quantity, price)
        )
        self._post(LedgerEntry(0, "commission", order.symbol, -fee, ZERO, now, order.id, fill.id, quantity, price))
        self._changed(order, fill, "trade")

    def _changed(self, order: Order, fill: Fill | None, execution: str) -> None:
        if not order.is_open:
            self._close(order)
        self.store.put("order", self.venue, str(order.id), order)
        self.outbox.append(OrderEvent(copy(order), fill, execution))

    def _close(self, order: Order) -> None:
        if self.account.open_orders.pop(order.id, None) is None:
            return
        book = self.market.find(self.venue, order.symbol)
        if book is not None and book.own_orders:
            book.own_orders -= 1

    def _end(self, order: Order, source: str, status: str | None = None) -> None:
        """Ends an order with an unfilled rest: OKX calls it canceled, Binance expired or canceled."""
        status = status or ("canceled" if self.venue == OKX else "expired")
        order.status, order.cancel_source, order.updated_ms = status, source, self.now_ms()
        self._changed(order, None, status)

    def cancel(self, order: Order, source: str = "1") -> Order:
        if order.status == "filled":
            raise RefusalError(Reason.ALREADY_FILLED)
        if not order.is_open:
            raise RefusalError(Reason.ALREADY_CANCELED)
        self._end(order, source, "canceled")
        return order

    def cancel_all(self, symbol: str | None, source: str = "1") -> list[Order]:
        chosen = [order for order in self.account.open_orders.values() if symbol in (None, order.symbol)]
        return [self.cancel(order, source) for order in chosen]
