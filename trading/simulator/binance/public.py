"""Binance USD-M's public REST endpoints."""

from typing import Any

from trading.simulator.binance import views
from trading.simulator.binance.errors import missing, refused
from trading.simulator.book import Book
from trading.simulator.exchange import Exchange
from trading.simulator.history import day_statistics, klines, recent_trades
from trading.simulator.instruments import plain
from trading.simulator.market import FUNDING_INTERVAL_MS
from trading.simulator.orders import RefusalError
from trading.simulator.wire import Call, Route, VenueError

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)


class PublicEndpoints:
    def __init__(self, core: Exchange) -> None:
        self.core = core

    def routes(self) -> dict[tuple[str, str], Route]:
        def public(handler: Any, weight: int = 1) -> Route:
            return Route(handler, signed=False, weight=weight)

        return {
            ("GET", "/fapi/v1/ping"): public(lambda _: {}),
            ("GET", "/fapi/v1/time"): public(self.time),
            ("GET", "/fapi/v1/exchangeInfo"): public(self.exchange_info),
            ("GET", "/fapi/v1/depth"): public(self.depth, 20),
            ("GET", "/fapi/v1/trades"): public(self.trades, 5),
            ("GET", "/fapi/v1/aggTrades"): public(self.aggregate_trades, 20),
            ("GET", "/fapi/v1/klines"): public(self.klines, 5),
            ("GET", "/fapi/v1/ticker/24hr"): public(self.day_ticker, 40),
            ("GET", "/fapi/v1/ticker/price"): public(self.price_ticker, 2),
            ("GET", "/fapi/v2/ticker/price"): public(self.price_ticker, 2),
            ("GET", "/fapi/v1/ticker/bookTicker"): public(self.book_ticker, 5),
            ("GET", "/fapi/v1/premiumIndex"): public(self.premium_index),
            ("GET", "/fapi/v1/fundingRate"): public(self.funding_rates),
            ("GET", "/fapi/v1/fundingInfo"): public(
                lambda _: []
            ),  # lists only adjusted symbols; all here settle every 8 h
            ("GET", "/sapi/v1/system/status"): public(self.system_status),
        }

    def _book(self, call: Call) -> Book:
        symbol = call.params().get("symbol")
        if not symbol:
            raise missing("symbol")
        try:
            return self.core.book(symbol)
        except RefusalError as refusal:
            raise refused(refusal) from refusal

    def _each(self, call: Call, row: Any) -> Any:
        """One row for a named symbol, all rows without one."""
        if "symbol" in call.params():
            return row(self._book(call))
        return [row(self.core.market.refresh(book)) for book in self.core.market.of_venue(self.core.venue)]

    def time(self, _: Call) -> dict[str, int]:
        return {"serverTime": self.core.now_ms()}

    def system_status(self, call: Call) -> dict[str, Any]:
        return {"status": 1, "msg": "system_maintenance"} if call.maintenance else {"status": 0, "msg": "normal"}

    def exchange_info(self, _: Call) -> dict[str, Any]:
        limits = (("REQUEST_WEIGHT", "MINUTE", 1, 2400), ("ORDERS", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 10, 300))
        return {
            "timezone": "UTC",
            "serverTime": self.core.now_ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
                for kind, interval, number, limit in limits
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [views.symbol_row(book.instrument) for book in self.core.market.of_venue(self.core.venue)],
        }

    def depth(self, call: Call) -> dict[str, Any]:
        text = call.params().get("limit", "500")
        if not text.isdigit() or int(text) not in DEPTH_LIMITS:
            raise VenueError(400, -4021, f"{text} is not valid depth limit.")
        book = self._book(call)
        # One more than the last event's id: strictly inside the next event, as on the venue (U <= lastUpdateId <= u).
        return {
            "lastUpdateId": book.update_id + 1,
            "E": book.event_ms,
            "T": book.event_ms,
            **views.levels(book, int(text)),
        }

    def book_ticker(self, call: Call) -> Any:
        return self._each(call, views.best)

    def price_ticker(self, call: Call) -> Any:
        return self._each(
            call,
            lambda book: {
                "symbol": book.instrument.venue_id,
                "price": book.instrument.price_text(book.last_price),
                "time": book.event_ms,
            },
        )

    def day_ticker(self, call: Call) -> Any:
        return self._each(call, self._day_row)

    def _day_row(self, book: Book) -> dict[str, Any]:
        day, price = day_statistics(book, self.core.now_ms()), book.instrument.price_text
        return {
            "symbol": book.instrument.venue_id,
            "priceChange": price(day.last - day.open),
            "priceChangePercent": f"{day.change_percent:.3f}",
            "weightedAvgPrice": price(day.open),
            "lastPrice": price(day.last),
            "lastQty": book.instrument.size_text(book.last_trade[1] or 1),
            "openPrice": price(day.open),
            "highPrice": price(day.high),
            "lowPrice": price(day.low),
            "volume": plain(day.volume),
            "quoteVolume": f"{day.quote_volume:.2f}",
            "openTime": day.opened_ms,
            "closeTime": self.core.now_ms(),
            "firstId": 1,
            "lastId": 1,
            "count": 1,
        }

    def premium_index(self, call: Call) -> Any:
        return self._each(call, self._premium_row)

    def _premium_row(self, book: Book) -> dict[str, Any]:
        now = self.core.now_ms()
        upcoming = self.core.market.next_funding_ms(now)
        mark = views.eight(self.core.market.mark(book))
        return {
            "symbol": book.instrument.venue_id,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": f"{self.core.market.funding_rate(book, upcoming):f}",
            "interestRate": "0.00010000",
            "nextFundingTime": upcoming,
            "time": now,
        }

    def funding_rates(self, call: Call) -> list[dict[str, Any]]:
        book, now = self._book(call), self.core.now_ms()
        latest = self.core.market.next_funding_ms(now) - FUNDING_INTERVAL_MS
        count = min(1000, int(call.params().get("limit", "100")))
        earliest = int(call.params().get("startTime", "0"))
        slots = [latest - back * FUNDING_INTERVAL_MS for back in range(count)]
        return [
            {
                "symbol": book.instrument.venue_id,
                "fundingTime": slot,
                "fundingRate": f"{self.core.market.funding_rate(book, slot):f}",
                "markPrice": views.eight(self.core.market.mark(book)),
            }
            for slot in reversed(slots)
            if slot >= earliest
        ]

    def trades(self, call: Call) -> list[dict[str, Any]]:
        book = self._book(call)
        return [
            {
                "id": one.id,
                "price": book.instrument.price_text(one.ticks),
                "qty": book.instrument.size_text(one.lots),
                "quoteQty": plain(book.instrument.price(one.ticks) * book.instrument.quantity(one.lots)),
                "time": one.at_ms,
                "isBuyerMaker": one.sell,
            }
            for one in recent_trades(book, self.core.now_ms(), min(1000, int(call.params().get("limit", "500"))))
        ]

    def aggregate_trades(self, call: Call) -> list[dict[str, Any]]:
        return [
            {
                "a": row["id"],
                "p": row["price"],
                "q": row["qty"],
                "f": row["id"],
                "l": row["id"],
                "T": row["time"],
                "m": row["isBuyerMaker"],
            }
            for row in self.trades(call)
        ]

    def klines(self, call: Call) -> list[list[Any]]:
        params, book = call.params(), self._book(call)
        price, size = book.instrument.price_text, book.instrument.size_text
        return [
            [
                bar.opened_ms,
                price(bar.open),
                price(bar.high),
                price(bar.low),
                price(bar.close),
                size(bar.lots),
                bar.opened_ms + bar.length_ms - 1,
                f"{book.instrument.quantity(bar.lots) * book.instrument.price(bar.close):.5f}",
                1,
                "0",
                "0",
                "0",
            ]
            for bar in klines(
                book,
                self.core.now_ms(),
                params.get("interval", "1m"),
                int(params.get("limit", "500")),
                int(params.get("startTime", "0")),
            )
        ]
