"""OKX's WebSocket channels on /ws/v5/public, /private and /business."""

import time
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from trading.simulator.book import Book, BookUpdate
from trading.simulator.exchange import Event, Exchange, OrderEvent
from trading.simulator.faults import FaultBoard
from trading.simulator.history import klines, recent_trades
from trading.simulator.hub import Connection, Hub
from trading.simulator.instruments import plain
from trading.simulator.okx import views
from trading.simulator.okx.protocol import same, signature
from trading.simulator.wire import Credentials

BOOK_CHANNELS = {"books": 400, "books-l2-tbt": 400, "books-rpi": 400, "books50-l2-tbt": 50}
TOP_CHANNELS = {"books5": 5, "bbo-tbt": 1}
LOGIN_CHANNELS = ("books-l2-tbt", "books50-l2-tbt")
TIMED_CHANNELS = ("tickers", "mark-price", "funding-rate", "index-tickers", "trades", "trades-all", "candle")
PRIVATE_CHANNELS = (
    "orders",
    "account",
    "positions",
    "balance_and_position",
    "fills",
    "liquidation-warning",
    "orders-algo",
)
LOGIN_WINDOW_SECONDS = 30
Key = tuple[str, str]


def dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


class OkxStreams(Hub):
    def __init__(self, core: Exchange, faults: FaultBoard, credentials: Credentials) -> None:
        super().__init__(core, faults)
        self.credentials = credentials
        self.subscribers: dict[Key, set[Connection]] = {}
        self._private: dict[Connection, list[dict[str, str]]] = {}
        self._sent: dict[Key, int] = {}  # the last seqId told per book channel

    @staticmethod
    def serves(path: str) -> bool:
        return path.startswith("/ws/v5/")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, lambda _: None, self._text)

    def closed(self, connection: Connection) -> None:
        self._private.pop(connection, None)
        for key in list(self.subscribers):
            self._leave(connection, key)

    # -- requests of the client ------------------------------------------------------------------------------

    def _text(self, connection: Connection, text: str) -> None:
        if text == "ping":
            if not self.muted:
                connection.send("pong")
            return
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        args = message.get("args") if isinstance(message, dict) else None
        actions: dict[str, Callable[[Connection, dict[str, Any]], None]] = {
            "login": self._login,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
        }
        action = actions.get(str(message.get("op"))) if isinstance(message, dict) else None
        if action is None or not isinstance(args, list) or not all(isinstance(one, dict) for one in args):
            self._error(connection, "60012", f"Illegal request: {text[:300]}")
            return
        for one in args:
            action(connection, one)

    def _error(self, connection: Connection, code: str, message: str) -> None:
        connection.send(dumped({"event": "error", "code": code, "msg": message, "connId": self._conn_id(connection)}))

    @staticmethod
    def _conn_id(connection: Connection) -> str:
        return f"{connection.number:08x}"

    def _login(self, connection: Connection, args: dict[str, Any]) -> None:
        stamp = str(args.get("timestamp", ""))
        expected = signature(self.credentials.secret, f"{stamp}GET/users/self/verify")
        if not same(str(args.get("apiKey", "")), self.credentials.key):
            return self._error(connection, "60005", "Invalid apiKey")
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > LOGIN_WINDOW_SECONDS:
            return self._error(connection, "60006", "Timestamp request expired")
        if not same(str(args.get("passphrase", "")), self.credentials.passphrase):
            return self._error(connection, "60024", "Wrong passphrase")
        if not same(str(args.get("sign", "")), expected):
            return self._error(connection, "60009", "Login failed.")
        connection.logged_in = True
        return connection.send(dumped({"event": "login", "code": "0", "msg": "", "connId": self._conn_id(connection)}))

    def _subscribe(self, connection: Connection, arg: dict[str, Any]) -> None:
        channel = str(arg.get("channel", ""))
        if channel in PRIVATE_CHANNELS:
            return self._subscribe_private(connection, arg)
        book = self.core.market.find(self.core.venue, str(arg.get("instId", "")))
        known = channel in BOOK_CHANNELS or channel in TOP_CHANNELS or channel.startswith(TIMED_CHANNELS)
        if not known or book is None:
            return self._error(
                connection,
                "60018",
                f"Wrong URL or channel:{channel},instId:{arg.get('instId')} doesn't exist. Please use the correct URL, channel and parameters referring to API document.",
            )
        if channel in LOGIN_CHANNELS and not connection.logged_in:
            return self._error(connection, "60011", "Please log in")
        self.core.market.refresh(book)
        self.subscribers.setdefault((channel, book.instrument.venue_id), set()).add(connection)
        if self._on_book not in book.listeners:
            book.listeners.append(self._on_book)
        self._confirm(connection, "subscribe", arg)
        return self._first(connection, channel, book)

    def _confirm(self, connection: Connection, event: str, arg: dict[str, Any]) -> None:
        connection.send(dumped({"event": event, "arg": arg, "connId": self._conn_id(connection)}))

    def _subscribe_private(self, connection: Connection, arg: dict[str, Any]) -> None:
        if not connection.logged_in:
            return self._error(connection, "60011", "Please log in")
        self._private.setdefault(connection, []).append({name: str(value) for name, value in arg.items()})
        self._confirm(connection, "subscribe", arg)
        channel = arg["channel"]
        if channel == "account":
            connection.send(dumped({"arg": arg, "data": [views.balance(self.core)]}))
        if channel == "positions":
            held = [one.symbol for one in self.core.account.positions.values() if one.quantity]
            connection.send(dumped({"arg": arg, "data": [views.position(self.core, symbol) for symbol in held]}))
        return None

    def _unsubscribe(self, connection: Connection, arg: dict[str, Any]) -> None:
        self._leave(connection, (str(arg.get("channel", "")), str(arg.get("instId", ""))))
        texts = {name: str(value) for name, value in arg.items()}
        self._private[connection] = [one for one in self._private.get(connection, []) if one != texts]
        self._confirm(connection, "unsubscribe", arg)

    def _leave(self, connection: Connection, key: Key) -> None:
        who = self.subscribers.get(key, set())
        who.discard(connection)
        if who:
            return
        self.subscribers.pop(key, None)
        book = self.core.market.find(self.core.venue, key[1])
        if book and self._on_book in book.listeners and not any(inst == key[1] for _, inst in self.subscribers):
            book.listeners.remove(self._on_book)

    # -- market data ---------------------------------------------------------------------------------------

    def _first(self, connection: Connection, channel: str, book: Book) -> None:
        """What a new subscriber gets at once."""
        inst_id = book.instrument.venue_id
        arg = {"channel": channel, "instId": inst_id}
        if channel in BOOK_CHANNELS:
            data = self._snapshot(book, BOOK_CHANNELS[channel])
            connection.send(
                dumped(
                    {
                        "arg": arg,
                        "action": "snapshot",
                        "data": [{**data, "checksum": views.checksum(book), "prevSeqId": -1}],
                    }
                )
            )
        elif channel in TOP_CHANNELS:
            connection.send(
                dumped({"arg": arg, "data": [{**self._snapshot(book, TOP_CHANNELS[channel]), "instId": inst_id}]})
            )
        else:
            for row in self._timed(book, channel):
                connection.send(dumped({"arg": arg, "data": [row]}))

    @staticmethod
    def _snapshot(book: Book, limit: int) -> dict[str, Any]:
        return views.depth(book, limit)

    def _on_book(self, book: Book, update: BookUpdate) -> None:
        inst_id = book.instrument.venue_id
        for channel, limit in BOOK_CHANNELS.items():
            who = self.subscribers.get((channel, inst_id))
            if who:
                self.send(
                    who,
                    dumped(
                        {
                            "arg": {"channel": channel, "instId": inst_id},
                            "action": "update",
                            "data": [self._update(book, update, limit)],
                        }
                    ),
                )
        for channel, limit in TOP_CHANNELS.items():
            who = self.subscribers.get((channel, inst_id))
            if who and (limit > 1 or update.top_changed):
                self.send(
                    who,
                    dumped(
                        {
                            "arg": {"channel": channel, "instId": inst_id},
                            "data": [{**self._snapshot(book, limit), "instId": inst_id}],
                        }
                    ),
                )
        who = self.subscribers.get(("tickers", inst_id))
        if who and update.top_changed:
            self.send(
                who,
                dumped(
                    {"arg": {"channel": "tickers", "instId": inst_id}, "data": [views.ticker(book, self.core.now_ms())]}
                ),
            )

    @staticmethod
    def _update(book: Book, update: BookUpdate, limit: int) -> dict[str, Any]:
        return {
            "asks": views.rows_of(book, update.asks),
            "bids": views.rows_of(book, update.bids),
            "ts": str(update.event_ms),
            "checksum": views.checksum(book),
            "prevSeqId": update.previous_id,
            "seqId": update.last_id,
        }

    async def every_second(self) -> None:
        for channel, inst_id in list(self.subscribers):
            book = self.core.market.find(self.core.venue, inst_id)
            if book is None or channel in BOOK_CHANNELS or channel in TOP_CHANNELS:
                continue
            if channel == "funding-rate" and int(time.time()) % 30:
                continue
            for row in self._timed(self.core.market.refresh(book), channel):
                self.send(
                    self.subscribers[(channel, inst_id)],
                    dumped({"arg": {"channel": channel, "instId": inst_id}, "data": [row]}),
                )

    def _timed(self, book: Book, channel: str) -> list[Any]:
        now = self.core.now_ms()
        mark = plain(self.core.market.mark(book))
        head = {"instType": "SWAP", "instId": book.instrument.venue_id}
        if channel == "tickers":
            return [views.ticker(book, now)]
        if channel == "mark-price":
            return [{**head, "markPx": mark, "ts": str(now)}]
        if channel == "index-tickers":
            return [{"instId": book.instrument.venue_id.removesuffix("-SWAP"), "idxPx": mark, "ts": str(now)}]
        if channel == "funding-rate":
            return [views.funding_rate(self.core, book)]
        if channel.startswith("trades"):
            return [self._trade(book, now)]
        return [self._candle(book, now, channel.removeprefix("candle"))]

    @staticmethod
    def _trade(book: Book, now: int) -> dict[str, str]:
        one = recent_trades(book, now, 1)[0]
        return {
            "instId": book.instrument.venue_id,
            "tradeId": str(one.id),
            "px": book.instrument.price_text(one.ticks),
            "sz": book.instrument.size_text(one.lots),
            "side": "sell" if one.sell else "buy",
            "ts": str(one.at_ms),
            "count": "1",
        }

    @staticmethod
    def _candle(book: Book, now: int, interval: str) -> list[str]:
        bar, price = list(klines(book, now, interval, 1, 0))[-1], book.instrument.price_text
        size = book.instrument.size_text(bar.lots)
        return [
            str(bar.opened_ms),
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close),
            size,
            size,
            "0",
            "0",
        ]

    # -- account data --------------------------------------------------------------------------------------

    def private_frames(self, event: Event) -> list[tuple[str, str]]:
        """Channel with the instrument it concerns, and the data; the receiver's own arg is put in when sent."""
        if isinstance(event, OrderEvent):
            instrument = self.core.instrument(event.order.symbol)
            row = views.order(event.order, instrument, event.fill)
            return [(f"orders|{instrument.venue_id}", dumped([row]))]
        frames = [("account|", dumped([views.balance(self.core)]))]
        rows = [(self.core.instrument(symbol).venue_id, views.position(self.core, symbol)) for symbol in event.symbols]
        return frames + [(f"positions|{inst_id}", dumped([row])) for inst_id, row in rows]

    def private_receivers(self, channel: str) -> list[Connection]:
        return [
            connection for connection in self._private if any(wants(arg, channel) for arg in self._private[connection])
        ]

    def send_private(self, connections: list[Connection], channel: str, data: str) -> None:
        """Each subscriber gets the frame under the arg that it subscribed with."""
        if self.muted:
            return
        for connection in connections:
            for arg in self._private.get(connection, []):
                if wants(arg, channel):
                    connection.send(f'{{"arg":{dumped({**arg, "uid": "1"})},"data":{data}}}')


def wants(arg: dict[str, str], channel: str) -> bool:
    """Whether a subscription covers a channel and instrument; no instId covers all."""
    name, _, inst_id = channel.partition("|")
    return arg.get("channel") == name and arg.get("instId", inst_id) == inst_id
