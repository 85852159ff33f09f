"""One venue's trading core: orders, and what happens to an account by itself."""

from decimal import ROUND_HALF_EVEN, Decimal

from trading.simulator.accounts import ZERO, LedgerEntry, Order
from trading.simulator.book import Book
from trading.simulator.instruments import OKX
from trading.simulator.market import FUNDING_INTERVAL_MS
from trading.simulator.orderdesk import Liquidity, OrderDesk
from trading.simulator.orders import plan_fills
from trading.simulator.records import CENT, AccountEvent, Arrival, Event, OrderEvent


class Exchange(OrderDesk):
    """Adds the venue's own doings: resting fills, timers, funding, liquidation, trades made outside."""

    def tick(self) -> None:
        """Fills resting orders that the market crossed, fires cancel timers, settles funding, liquidates."""
        for order in list(self.account.open_orders.values()):
            self._match_resting(order)
        self._fire_timers()
        self._settle_funding()
        if any(one.quantity for one in self.account.positions.values()):
            self._liquidate_if_due()

    def _match_resting(self, order: Order) -> None:
        book = self.market.find(self.venue, order.symbol)
        if book is None or order.price is None:
            return None
        levels = book.asks if order.side == "buy" else book.bids
        wanted = order.remaining if not order.reduce_only else min(order.remaining, self.account.reducible(order))
        if order.reduce_only and not wanted:
            return self._end(order, "20")
        fills = plan_fills(levels, order.sign, book.instrument.ticks(order.price), book.instrument.lots(wanted))
        return self._execute(order, book, fills, Liquidity(maker=True))

    def _fire_timers(self) -> None:
        timers, now = self.account.settings.cancel_timers, self.market.clock.now_ms()
        for symbol, due in list(timers.items()):
            if now >= due:
                del timers[symbol]
                self.cancel_all(None if symbol == "*" else symbol, "20")
                self._save_account()

    def _settle_funding(self) -> None:
        settings, now = self.account.settings, self.market.clock.now_ms()
        while settings.funding_settled_ms + FUNDING_INTERVAL_MS <= now:
            settings.funding_settled_ms += FUNDING_INTERVAL_MS
            for symbol in [one.symbol for one in self.account.positions.values() if one.quantity]:
                book = self.market.find(self.venue, symbol)
                if book is not None:
                    self.pay_funding(book, self.market.funding_rate(book, settings.funding_settled_ms))
            self._save_account()

    def pay_funding(self, book: Book, rate: Decimal) -> Decimal:
        """Settles funding of one position now; returns what the wallet gained. Longs pay a positive rate."""
        symbol = book.instrument.symbol
        held, mark = self.account.held(symbol), self.market.mark(book)
        amount = (-held * mark * rate).quantize(CENT, ROUND_HALF_EVEN)
        self.account.funding_paid -= amount
        self._post(LedgerEntry(0, "funding", symbol, amount, ZERO, self.now_ms(), quantity=abs(held), price=mark))
        self.outbox.append(AccountEvent("funding_fee", (symbol,)))
        return amount

    def transfer(self, amount: Decimal) -> None:
        self._post(LedgerEntry(0, "transfer", "", amount, ZERO, self.now_ms()))
        self.outbox.append(AccountEvent("margin_transfer", ()))

    def _liquidate_if_due(self) -> None:
        if self.equity() >= self.maintenance_margin():
            return
        self.cancel_all(None, "liquidation")
        for one in [one for one in self.account.positions.values() if one.quantity]:
            book = self.market.find(self.venue, one.symbol)
            if book is not None:
                self.force(book, "sell" if one.quantity > 0 else "buy", abs(one.quantity), "full_liquidation", None)
        if self.account.wallet < 0:  # the venue's insurance fund takes the rest of the loss
            self._post(LedgerEntry(0, "insurance", "", -self.account.wallet, ZERO, self.now_ms()))

    def force(self, book: Book, side: str, quantity: Decimal, category: str, price: Decimal | None) -> Order:
        """An order that the account holder's program did not send: made outside, ADL or liquidation."""
        self.market.refresh(book)
        prefix = {"full_liquidation": "autoclose-", "adl": "adl_autoclose"}.get(category, "web_")
        now, number = self.now_ms(), self.account.take_id()
        order = Order(
            id=self._first_id + number,
            client_id=f"{prefix}{number}" if self.venue != OKX else "",
            symbol=book.instrument.symbol,
            side=side,
            kind="market",
            time_in_force="IOC",
            venue_type="MARKET" if self.venue != OKX else "market",
            price=None,
            quantity=quantity,
            reduce_only=category != "normal",
            created_ms=now,
            updated_ms=now,
            category=category,
        )
        self.account.remember(order)
        self._changed(order, None, "new")
        self._force_fill(order, book, price)
        if order.is_open:
            self._end(order, "14")
        return order

    def _force_fill(self, order: Order, book: Book, price: Decimal | None) -> None:
        if price is not None:
            self._fill(order, price, order.quantity, Liquidity(maker=False, category=order.category))
            self.outbox.append(AccountEvent("order", (order.symbol,)))
            return
        levels = book.asks if order.side == "buy" else book.bids
        lots = book.instrument.lots(order.quantity)
        fills = plan_fills(levels, order.sign, None, lots)
        missing = lots - sum(taken for _, taken in fills)
        if missing and levels and order.category != "normal":  # the insurance fund takes over below the book
            fills.append((levels[-1][0], missing))
        self._execute(order, book, fills, Liquidity(maker=False, category=order.category))


__all__ = ["AccountEvent", "Arrival", "Event", "Exchange", "OrderEvent"]
