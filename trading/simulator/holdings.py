"""One venue's account against its market: what it holds, what that is worth, and how it is kept.

Whatever changes something leaves its rows in the store's buffer and its events in `outbox`; `settle` commits the
one and then hands out the other, so that nothing is told before it is durable.
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import islice

from trading.simulator.accounts import ZERO, Account, Fill, LedgerEntry, Order, Settings, maintenance_margin
from trading.simulator.book import Book
from trading.simulator.instruments import Instrument
from trading.simulator.market import FUNDING_INTERVAL_MS, Market
from trading.simulator.orders import Reason, RefusalError
from trading.simulator.records import CENT, AccountRow, Arrival, Event, PositionRow
from trading.simulator.store import Store


class Holdings:
    def __init__(self, account: Account, market: Market, store: Store, first_id: int) -> None:
        self.account, self.market, self.store = account, market, store
        self.venue, self._first_id = account.venue, first_id
        self.outbox: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.arrivals: list[Arrival] = []
        self._load()

    def _load(self) -> None:
        account = self.account
        for _, row in self.store.read("account", self.venue, AccountRow):
            account.wallet, account.fees_paid, account.funding_paid = row.wallet, row.fees_paid, row.funding_paid
            account.next_id = row.next_id
            account.settings = Settings(
                row.leverage, row.isolated, row.hedge_mode, row.cancel_timers, row.funding_settled_ms
            )
        for _, order in self.store.read("order", self.venue, Order):
            account.remember(order)
            if order.is_open and (book := self.market.find(self.venue, order.symbol)):
                book.own_orders += 1
        account.fills = [fill for _, fill in self.store.read("fill", self.venue, Fill)]
        account.ledger = [entry for _, entry in self.store.read("ledger", self.venue, LedgerEntry)]
        self.arrivals = [arrival for _, arrival in self.store.read("arrival", self.venue, Arrival)]
        self._load_positions()
        if not account.settings.funding_settled_ms:
            account.settings.funding_settled_ms = self.market.next_funding_ms(self.now_ms()) - FUNDING_INTERVAL_MS

    def _load_positions(self) -> None:
        from_rows = self.store.read("position", self.venue, PositionRow)
        for symbol, row in from_rows:
            position = self.account.position(symbol)
            position.quantity, position.entry_price, position.realized = row.quantity, row.entry_price, row.realized
            position.updated_ms = row.updated_ms

    def _save_account(self) -> None:
        one, chosen = self.account, self.account.settings
        row = AccountRow(
            one.wallet,
            one.fees_paid,
            one.funding_paid,
            one.next_id,
            chosen.leverage,
            chosen.isolated,
            chosen.hedge_mode,
            chosen.cancel_timers,
            chosen.funding_settled_ms,
        )
        self.store.put("account", self.venue, "0", row)

    def _save_position(self, symbol: str) -> None:
        one = self.account.position(symbol)
        self.store.put(
            "position", self.venue, symbol, PositionRow(one.quantity, one.entry_price, one.realized, one.updated_ms)
        )

    def settle(self) -> None:
        """Commits, then tells."""
        if self.outbox or self.store.has_pending:
            self._save_account()
        self.store.commit()
        events, self.outbox = self.outbox, []
        for event in events:
            for listener in tuple(self.listeners):
                listener(event)

    def now_ms(self) -> int:
        return self.market.venue_ms(self.venue)

    def book(self, symbol: str) -> Book:
        """The book by symbol or venue id, up to date."""
        book = self.market.find(self.venue, symbol)
        if book is None:
            raise RefusalError(Reason.UNKNOWN_SYMBOL, symbol)
        return self.market.refresh(book)

    def instrument(self, symbol: str) -> Instrument:
        book = self.market.find(self.venue, symbol)
        if book is None:
            raise RefusalError(Reason.UNKNOWN_SYMBOL, symbol)
        return book.instrument

    def mark(self, symbol: str) -> Decimal:
        book = self.market.find(self.venue, symbol)
        return self.market.mark(book) if book else ZERO

    def unrealized(self) -> Decimal:
        return sum(
            (one.unrealized(self.mark(one.symbol)) for one in self.account.positions.values() if one.quantity), ZERO
        )

    def equity(self) -> Decimal:
        return (self.account.wallet + self.unrealized()).quantize(CENT)

    def position_margin(self, symbol: str) -> Decimal:
        """Initial margin of a position: notional at mark over leverage."""
        held = self.account.held(symbol)
        return abs(held) * self.mark(symbol) / self.account.leverage_of(symbol) if held else ZERO

    def order_margin(self) -> Decimal:
        """Initial margin that open orders hold back; reductions hold none."""
        return sum(
            (self._margin_of(order) for order in self.account.open_orders.values() if not order.reduce_only), ZERO
        )

    def _margin_of(self, order: Order) -> Decimal:
        increase = max(ZERO, order.remaining - self.account.reducible(order))
        return increase * (order.price or ZERO) / self.account.leverage_of(order.symbol)

    def initial_margin(self) -> Decimal:
        return sum((self.position_margin(symbol) for symbol in self.account.positions), ZERO) + self.order_margin()

    def maintenance_margin(self) -> Decimal:
        held = (one for one in self.account.positions.values() if one.quantity)
        return sum((maintenance_margin(abs(one.quantity) * self.mark(one.symbol)) for one in held), ZERO)

    def available(self) -> Decimal:
        return max(ZERO, (self.equity() - self.initial_margin()).quantize(CENT))

    def liquidation_price(self, symbol: str) -> Decimal:
        """Where cross margin runs out if only this symbol moves; 0 when it never does."""
        position = self.account.positions.get(symbol)
        if position is None or not position.quantity:
            return ZERO
        mark = self.mark(symbol)
        own = position.unrealized(mark)
        tier_notional = abs(position.quantity) * mark
        others = self.maintenance_margin() - maintenance_margin(tier_notional)
        rate = maintenance_margin(tier_notional) / tier_notional if tier_notional else ZERO
        top = self.account.wallet + self.unrealized() - own - others - position.quantity * position.entry_price
        bottom = abs(position.quantity) * rate - position.quantity
        return max(ZERO, top / bottom) if bottom else ZERO

    def open_orders(self, symbol: str | None) -> list[Order]:
        now = self.market.clock.now_ms()
        return [
            one
            for one in self.account.open_orders.values()
            if symbol in (None, one.symbol) and one.visible_from_ms <= now
        ]

    def visible_fills(self, symbol: str | None) -> list[Fill]:
        """Fills of one symbol, oldest first, less those that a query_lag fault still hides."""
        now, orders = self.market.clock.now_ms(), self.account.orders
        return [
            one
            for one in self.account.fills
            if symbol in (None, one.symbol)
            and (one.order_id not in orders or orders[one.order_id].visible_from_ms <= now)
        ]

    def recent_orders(self, symbol: str | None, limit: int) -> list[Order]:
        """The latest orders, newest first."""
        chosen = (one for one in reversed(self.account.orders.values()) if symbol in (None, one.symbol))
        return list(islice(chosen, limit))

    def lookup(self, order_id: int | None, client_id: str | None, symbol: str) -> Order:
        """The order, or the latest one with this client id; refused when unknown or not yet visible."""
        order = (
            self.account.orders.get(order_id)
            if order_id is not None
            else self.account.by_client_id.get(client_id or "")
        )
        if order is None or order.symbol != symbol or order.visible_from_ms > self.market.clock.now_ms():
            raise RefusalError(Reason.UNKNOWN_ORDER)
        return order

    def set_leverage(self, symbol: str, leverage: int) -> bool:
        """False when the position would then need more margin than there is."""
        before = self.account.leverage_of(symbol)
        self.account.settings.leverage[symbol] = leverage
        if leverage < before and self.initial_margin() > self.equity():
            self.account.settings.leverage[symbol] = before
            return False
        self._save_account()
        return True

    def set_cancel_timer(self, symbol: str, milliseconds: int) -> int:
        """Arms, renews or with 0 disarms the dead man's switch; `symbol` * is the whole account. Returns the due time."""
        timers = self.account.settings.cancel_timers
        timers.pop(symbol, None)
        due = self.market.clock.now_ms() + milliseconds
        if milliseconds:
            timers[symbol] = due
        self._save_account()
        return due if milliseconds else 0

    def touch_settings(self) -> None:
        """The settings changed: they are part of the account's row."""
        self._save_account()

    def _post(self, entry: LedgerEntry) -> None:
        """The only place where the wallet moves."""
        if not entry.amount:
            return
        self.account.wallet += entry.amount
        entry.id, entry.balance = self._first_id + self.account.take_id(), self.account.wallet
        self.account.ledger.append(entry)
        self.store.put("ledger", self.venue, str(entry.id), entry)
