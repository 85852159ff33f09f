"""All books of both venues, kept at the market time of the clock."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from trading.simulator.book import Book, Distortion
from trading.simulator.clock import Clock
from trading.simulator.dislocation import Dislocation, Overlays
from trading.simulator.instruments import VENUES, Instrument
from trading.simulator.ladder import Feed

FUNDING_INTERVAL_MS = 8 * 3600 * 1000


class Market:
    """Reading a book brings it up to now first, so that nobody sees two states of one moment."""

    def __init__(self, clock: Clock, listed: Iterable[tuple[Instrument, Feed]], overlays: Overlays, kind: str) -> None:
        self.clock, self.overlays, self.kind = clock, overlays, kind
        self.skew_ms = dict.fromkeys(VENUES, 0)
        self.distortions = {venue: Distortion() for venue in VENUES}
        self.books = {(one.venue, one.symbol): Book(one, feed, self.distortions[one.venue]) for one, feed in listed}
        self.by_id = {(book.instrument.venue, book.instrument.venue_id): book for book in self.books.values()}
        self.rates: dict[tuple[str, str, int], Decimal] = {}

    def venue_ms(self, venue: str) -> int:
        """The venue's own clock: wall time, plus what a clock_skew fault adds."""
        return self.clock.now_ms() + self.skew_ms[venue]

    def refresh(self, book: Book) -> Book:
        at = self.clock.market()
        book.refresh(at, self.venue_ms(book.instrument.venue), self.overlays.bps(*book.key, at))
        return book

    def republish(self, book: Book) -> None:
        at = self.clock.market()
        book.touch_up(self.venue_ms(book.instrument.venue), self.overlays.bps(*book.key, at))

    def of_venue(self, venue: str) -> list[Book]:
        return [book for (owner, _), book in self.books.items() if owner == venue]

    def find(self, venue: str, symbol: str) -> Book | None:
        """By symbol or by the venue's own id."""
        return self.books.get((venue, symbol)) or self.by_id.get((venue, symbol))

    def mark(self, book: Book) -> Decimal:
        """The current mark price; zero only for a book that has had no state yet."""
        if book.mid is None:
            self.refresh(book)
        return book.mark(self.clock.market()) or Decimal(0)

    def next_funding_ms(self, now_ms: int) -> int:
        return (now_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS

    def funding_rate(self, book: Book, slot_ms: int) -> Decimal:
        """The rate settled at `slot_ms`; a control call may have fixed another."""
        fixed = self.rates.get((*book.key, slot_ms))
        return fixed if fixed is not None else Decimal(f"{book.feed.funding_rate(slot_ms):.8f}")

    def dislocate(self, venue: str, symbol: str, bps: float, seconds: float) -> Dislocation:
        at = self.clock.market()
        one = Dislocation(venue, symbol, bps, at, at + seconds, "control")
        self.overlays.add(one)
        return one

    def end_dislocations(self) -> int:
        ended = self.overlays.end(self.clock.market())
        for book in self.books.values():
            if book.mid is not None:
                self.republish(book)
        return ended

    def tick(self) -> None:
        """Brings the books up to now that somebody watches or has orders in."""
        for book in self.books.values():
            if book.listeners or book.own_orders:
                self.refresh(book)

    def documents(self) -> list[dict[str, Any]]:
        """One row per symbol and venue: what its prices rest on."""
        return [
            {
                "venue": book.instrument.venue,
                "symbol": book.instrument.symbol,
                "venue_id": book.instrument.venue_id,
                "market": book.feed.label,
                "tradable": book.instrument.linear,
            }
            for book in self.books.values()
        ]
