"""Binance USD-M's WebSocket streams: market data by subscription, account data by listen key.

Paths as ccxt 4.5.90 dials them: /public/ws/<n>, /market/ws/<n>, /private/ws?listenKey=<key>; and the plain
/ws/<stream or key> and /stream?streams= of the venue's documentation.
"""

from typing import Any

import orjson
from aiohttp import web

from trading.simulator.binance import views
from trading.simulator.binance.userstream import ListenKeys, account_frame, order_frame
from trading.simulator.book import Book, BookUpdate
from trading.simulator.exchange import Event, Exchange, OrderEvent
from trading.simulator.faults import FaultBoard
from trading.simulator.history import day_statistics, klines, recent_trades
from trading.simulator.hub import Connection, Hub
from trading.simulator.instruments import plain

BY_TIME = ("markPrice", "miniTicker", "ticker", "kline", "aggTrade", "trade")


def dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


class BinanceStreams(Hub):
    def __init__(self, core: Exchange, faults: FaultBoard, keys: ListenKeys) -> None:
        super().__init__(core, faults)
        self.keys = keys
        self.subscribers: dict[str, set[Connection]] = {}
        self._combined: set[Connection] = set()
        self._all_books: set[Connection] = set()

    @staticmethod
    def serves(path: str) -> bool:
        return path.startswith(("/public/ws", "/market/ws", "/private/ws", "/ws/", "/stream")) and not path.startswith(
            "/ws/v5"
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        streams = request.query.get("streams", "")
        tail = request.path.rsplit("/", 1)[-1]
        key = request.query.get("listenKey") or (tail if self.keys.live(tail, self.core.now_ms()) else "")

        def opened(connection: Connection) -> None:
            connection.private = self.keys.live(key, self.core.now_ms())
            if request.path.startswith("/stream"):
                self._combined.add(connection)
            for name in streams.split("/") if streams else [tail] * ("@" in tail):
                self._subscribe(connection, name)

        return await self.serve(request, opened, self._text)

    def closed(self, connection: Connection) -> None:
        self._combined.discard(connection)
        for name in list(self.subscribers):
            self._unsubscribe(connection, name)

    # -- requests of the client ------------------------------------------------------------------------------

    def _text(self, connection: Connection, text: str) -> None:
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("params", []), list):
            connection.send(dumped({"error": {"code": 3, "msg": "Invalid JSON: expected value"}}))
            return
        action, number = message.get("method"), message.get("id")
        if action == "LIST_SUBSCRIPTIONS":
            names = [name for name, who in self.subscribers.items() if connection in who]
            connection.send(dumped({"result": names, "id": number}))
            return
        change = {"SUBSCRIBE": self._subscribe, "UNSUBSCRIBE": self._unsubscribe}.get(str(action))
        if change is None:
            connection.send(
                dumped({"error": {"code": 2, "msg": f"Invalid request: unknown method {action}"}, "id": number})
            )
            return
        for name in message.get("params", []):
            change(connection, str(name))
        connection.send(dumped({"result": None, "id": number}))

    def _subscribe(self, connection: Connection, name: str) -> None:
        self.subscribers.setdefault(name, set()).add(connection)
        for book in self._books_of(name):
            if self._on_book not in book.listeners:
                book.listeners.append(self._on_book)

    def _unsubscribe(self, connection: Connection, name: str) -> None:
        who = self.subscribers.get(name, set())
        who.discard(connection)
        if who:
            return
        self.subscribers.pop(name, None)
        for book in self._books_of(name):
            if self._on_book in book.listeners and not self._wanted(book):
                book.listeners.remove(self._on_book)

    def _wanted(self, book: Book) -> bool:
        prefix = book.instrument.venue_id.lower() + "@"
        return "!bookTicker" in self.subscribers or any(name.startswith(prefix) for name in self.subscribers)

    def _books_of(self, name: str) -> list[Book]:
        if name.startswith("!"):
            return self.core.market.of_venue(self.core.venue)
        book = self.core.market.find(self.core.venue, name.partition("@")[0].upper())
        return [book] if book else []

    # -- market data ---------------------------------------------------------------------------------------

    def _publish(self, name: str, message: Any) -> None:
        who = self.subscribers.get(name)
        if not who:
            return
        plain_text = dumped(message)
        self.send(who - self._combined, plain_text)
        if who & self._combined:
            self.send(who & self._combined, f'{{"stream":{dumped(name)},"data":{plain_text}}}')

    def _on_book(self, book: Book, update: BookUpdate) -> None:
        lower = book.instrument.venue_id.lower()
        if update.top_changed:
            ticker = self._book_ticker(book, update)
            self._publish(f"{lower}@bookTicker", ticker)
            self._publish("!bookTicker", ticker)
        for suffix in ("", "@0ms", "@100ms", "@250ms", "@500ms"):
            if f"{lower}@depth{suffix}" in self.subscribers:
                self._publish(f"{lower}@depth{suffix}", self._depth_update(book, update))
            for limit in (5, 10, 20):
                if f"{lower}@depth{limit}{suffix}" in self.subscribers:
                    self._publish(f"{lower}@depth{limit}{suffix}", self._partial_depth(book, update, limit))

    def _book_ticker(self, book: Book, update: BookUpdate) -> dict[str, Any]:
        row = views.best(book)
        return {
            "e": "bookTicker",
            "u": update.last_id,
            "s": row["symbol"],
            "b": row["bidPrice"],
            "B": row["bidQty"],
            "a": row["askPrice"],
            "A": row["askQty"],
            "T": update.event_ms,
            "E": update.event_ms,
        }

    def _head(self, book: Book, update: BookUpdate) -> dict[str, Any]:
        return {
            "e": "depthUpdate",
            "E": update.event_ms,
            "T": update.event_ms,
            "s": book.instrument.venue_id,
            "U": update.first_id,
            "u": update.last_id,
            "pu": update.previous_id,
        }

    def _depth_update(self, book: Book, update: BookUpdate) -> dict[str, Any]:
        price, size = book.instrument.price_text, book.instrument.size_text
        sides = {"b": update.bids, "a": update.asks}
        return {
            **self._head(book, update),
            **{name: [[price(p), size(q)] for p, q in side] for name, side in sides.items()},
        }

    def _partial_depth(self, book: Book, update: BookUpdate, limit: int) -> dict[str, Any]:
        rows = views.levels(book, limit)
        return {**self._head(book, update), "b": rows["bids"], "a": rows["asks"]}

    async def every_second(self) -> None:
        for name in list(self.subscribers):
            kind = name.lstrip("!") if name.startswith("!") else name.partition("@")[2]
            if not kind.startswith(BY_TIME):
                continue
            rows = [row for book in self._books_of(name) for row in self._timed(self.core.market.refresh(book), kind)]
            if name.startswith("!"):
                self._publish(name, rows)
            else:
                for row in rows:
                    self._publish(name, row)

    def _timed(self, book: Book, kind: str) -> list[dict[str, Any]]:
        if kind.startswith("markPrice"):
            return [self._mark_price(book)]
        if kind.startswith(("miniTicker", "ticker")):
            return [self._ticker(book, kind.startswith("mini"))]
        if kind.startswith("kline_"):
            return [self._kline(book, kind.removeprefix("kline_"))]
        return [self._trade(book, kind)]

    def _mark_price(self, book: Book) -> dict[str, Any]:
        now = self.core.now_ms()
        upcoming, mark = self.core.market.next_funding_ms(now), views.eight(self.core.market.mark(book))
        rate = self.core.market.funding_rate(book, upcoming)
        return {
            "e": "markPriceUpdate",
            "E": now,
            "s": book.instrument.venue_id,
            "p": mark,
            "i": mark,
            "P": mark,
            "r": f"{rate:f}",
            "T": upcoming,
        }

    def _ticker(self, book: Book, mini: bool) -> dict[str, Any]:
        now, price = self.core.now_ms(), book.instrument.price_text
        day = day_statistics(book, now)
        row = {
            "e": "24hrMiniTicker" if mini else "24hrTicker",
            "E": now,
            "s": book.instrument.venue_id,
            "c": price(day.last),
            "o": price(day.open),
            "h": price(day.high),
            "l": price(day.low),
            "v": plain(day.volume),
            "q": f"{day.quote_volume:.2f}",
        }
        if not mini:
            row.update(
                {
                    "p": price(day.last - day.open),
                    "P": f"{day.change_percent:.3f}",
                    "w": price(day.open),
                    "Q": "0",
                    "O": day.opened_ms,
                    "C": now,
                    "F": 1,
                    "L": 1,
                    "n": 1,
                }
            )
        return row

    def _kline(self, book: Book, interval: str) -> dict[str, Any]:
        now, price = self.core.now_ms(), book.instrument.price_text
        bar = list(klines(book, now, interval, 1, 0))[-1]
        row = {
            "t": bar.opened_ms,
            "T": bar.opened_ms + bar.length_ms - 1,
            "s": book.instrument.venue_id,
            "i": interval,
            "o": price(bar.open),
            "c": price(bar.close),
            "h": price(bar.high),
            "l": price(bar.low),
            "v": book.instrument.size_text(bar.lots),
            "x": False,
        }
        return {"e": "kline", "E": now, "s": book.instrument.venue_id, "k": row}

    def _trade(self, book: Book, kind: str) -> dict[str, Any]:
        one = recent_trades(book, self.core.now_ms(), 1)[0]
        row = {
            "e": kind,
            "E": self.core.now_ms(),
            "s": book.instrument.venue_id,
            "p": book.instrument.price_text(one.ticks),
            "q": book.instrument.size_text(one.lots),
            "T": one.at_ms,
            "m": one.sell,
        }
        return {**row, **({"t": one.id, "X": "MARKET"} if kind == "trade" else {"a": one.id, "f": one.id, "l": one.id})}

    # -- account data --------------------------------------------------------------------------------------

    def private_frames(self, event: Event) -> list[tuple[str, str]]:
        if isinstance(event, OrderEvent):
            return [("user", dumped(order_frame(self.core, event)))]
        return [("user", dumped(account_frame(self.core, event)))]

    def private_receivers(self, channel: str) -> list[Connection]:
        return [connection for connection in self.connections if connection.private]
