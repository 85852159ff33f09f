"""OKX's public REST endpoints. Handlers return the `data` list."""

from typing import Any

from trading.simulator.book import Book
from trading.simulator.exchange import Exchange
from trading.simulator.history import klines, recent_trades
from trading.simulator.instruments import plain
from trading.simulator.market import FUNDING_INTERVAL_MS
from trading.simulator.okx import views
from trading.simulator.okx.errors import parameter, refused
from trading.simulator.orders import BAND, RefusalError
from trading.simulator.wire import Call, Route


def count(call: Call, name: str, default: int, largest: int) -> int:
    """A whole number of the query, bounded."""
    text = call.params().get(name) or str(default)
    if not text.isdigit():
        raise parameter(name)
    return min(largest, int(text))


class PublicEndpoints:
    def __init__(self, core: Exchange) -> None:
        self.core = core

    def routes(self) -> dict[tuple[str, str], Route]:
        def public(handler: Any) -> Route:
            return Route(handler, signed=False)

        return {
            ("GET", "/api/v5/public/time"): public(self.time),
            ("GET", "/api/v5/system/status"): public(self.status),
            ("GET", "/api/v5/public/instruments"): public(self.instruments),
            ("GET", "/api/v5/public/funding-rate"): public(self.funding_rate),
            ("GET", "/api/v5/public/funding-rate-history"): public(self.funding_rate_history),
            ("GET", "/api/v5/public/mark-price"): public(self.mark_price),
            ("GET", "/api/v5/public/price-limit"): public(self.price_limit),
            ("GET", "/api/v5/market/books"): public(self.books),
            ("GET", "/api/v5/market/books-full"): public(self.books),
            ("GET", "/api/v5/market/ticker"): public(self.ticker),
            ("GET", "/api/v5/market/tickers"): public(self.tickers),
            ("GET", "/api/v5/market/trades"): public(self.trades),
            ("GET", "/api/v5/market/candles"): public(self.candles),
            ("GET", "/api/v5/market/history-candles"): public(self.candles),
        }

    def _book(self, call: Call) -> Book:
        inst_id = call.params().get("instId")
        if not inst_id:
            raise parameter("instId")
        try:
            return self.core.book(inst_id)
        except RefusalError as refusal:
            raise refused(refusal) from refusal

    def _chosen(self, call: Call) -> list[Book]:
        """The named book, or all swaps."""
        if call.params().get("instId") not in (None, "", "ANY"):
            return [self._book(call)]
        return [
            self.core.market.refresh(book)
            for book in self.core.market.of_venue(self.core.venue)
            if book.instrument.venue_id.endswith("-SWAP")
        ]

    def time(self, _: Call) -> list[dict[str, str]]:
        return [{"ts": str(self.core.now_ms())}]

    def status(self, call: Call) -> list[dict[str, Any]]:
        """During maintenance the ongoing event comes first and a scheduled one last: ccxt shows only the last."""
        if not call.maintenance:
            return []
        now = self.core.now_ms()
        hour = 3_600_000
        return [
            self._event("ongoing", now - 60_000, now + hour),
            self._event("scheduled", now + 24 * hour, now + 25 * hour),
        ]

    @staticmethod
    def _event(state: str, begin: int, end: int) -> dict[str, Any]:
        return {
            "title": "Trading system upgrade",
            "state": state,
            "begin": str(begin),
            "end": str(end),
            "preOpenBegin": "",
            "href": "",
            "serviceType": "5",
            "system": "unified",
            "scheDesc": "",
            "maintType": "1",
            "env": "1",
        }

    def instruments(self, call: Call) -> list[dict[str, Any]]:
        kind, wanted = call.params().get("instType"), call.params().get("instId")
        if kind not in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS"):
            raise parameter("instType")
        listed = [book.instrument for book in self.core.market.of_venue(self.core.venue)]
        rows = [views.instrument_row(one) for one in listed if (one.raw or {"instType": "SWAP"})["instType"] == kind]
        return [row for row in rows if wanted in (None, "", row["instId"])]

    def books(self, call: Call) -> list[dict[str, Any]]:
        return [views.depth(self._book(call), count(call, "sz", 1, 5000))]

    def ticker(self, call: Call) -> list[dict[str, Any]]:
        return [views.ticker(self._book(call), self.core.now_ms())]

    def tickers(self, call: Call) -> list[dict[str, Any]]:
        if call.params().get("instType") != "SWAP":
            return []
        return [views.ticker(book, self.core.now_ms()) for book in self._chosen(call)]

    def funding_rate(self, call: Call) -> list[dict[str, Any]]:
        return [views.funding_rate(self.core, book) for book in self._chosen(call)]

    def funding_rate_history(self, call: Call) -> list[dict[str, Any]]:
        book, latest = self._book(call), self.core.market.next_funding_ms(self.core.now_ms()) - FUNDING_INTERVAL_MS
        slots = [latest - back * FUNDING_INTERVAL_MS for back in range(count(call, "limit", 100, 400))]
        rows = []
        for slot in slots:
            rate = f"{self.core.market.funding_rate(book, slot):f}"
            rows.append(
                {
                    "instType": "SWAP",
                    "instId": book.instrument.venue_id,
                    "fundingRate": rate,
                    "realizedRate": rate,
                    "fundingTime": str(slot),
                    "method": "current_period",
                }
            )
        return rows

    def mark_price(self, call: Call) -> list[dict[str, Any]]:
        return [
            {
                "instType": "SWAP",
                "instId": book.instrument.venue_id,
                "markPx": plain(self.core.market.mark(book)),
                "ts": str(self.core.now_ms()),
            }
            for book in self._chosen(call)
        ]

    def price_limit(self, call: Call) -> list[dict[str, Any]]:
        book = self._book(call)
        one, mark = book.instrument, self.core.market.mark(book)
        highest, lowest = one.price(one.ticks(mark * (1 + BAND))), one.price(one.ticks(mark * (1 - BAND)))
        return [
            {
                "instType": "SWAP",
                "instId": one.venue_id,
                "buyLmt": plain(highest),
                "sellLmt": plain(lowest),
                "ts": str(self.core.now_ms()),
                "enabled": True,
            }
        ]

    def trades(self, call: Call) -> list[dict[str, Any]]:
        book = self._book(call)
        rows = [
            {
                "instId": book.instrument.venue_id,
                "tradeId": str(one.id),
                "px": book.instrument.price_text(one.ticks),
                "sz": book.instrument.size_text(one.lots),
                "side": "sell" if one.sell else "buy",
                "ts": str(one.at_ms),
            }
            for one in recent_trades(book, self.core.now_ms(), count(call, "limit", 100, 500))
        ]
        return rows[::-1]

    def candles(self, call: Call) -> list[list[str]]:
        book, now = self._book(call), self.core.now_ms()
        before, after = count(call, "before", 0, 2**62), count(call, "after", 2**62, 2**62)
        price, size = book.instrument.price_text, book.instrument.size_text
        rows = []
        for bar in klines(book, now, call.params().get("bar") or "1m", count(call, "limit", 100, 300), before):
            base = book.instrument.quantity(bar.lots)
            confirmed = "1" if bar.opened_ms + bar.length_ms <= now else "0"
            if bar.opened_ms < after:
                rows.append(
                    [
                        str(bar.opened_ms),
                        price(bar.open),
                        price(bar.high),
                        price(bar.low),
                        price(bar.close),
                        size(bar.lots),
                        plain(base),
                        f"{base * book.instrument.price(bar.close):.4f}",
                        confirmed,
                    ]
                )
        return rows[::-1]
