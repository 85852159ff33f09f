"""Quotes for a decision: the stream's board first, REST through the trader where it is silent or stale (SPEC 5)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.looks import looked
from trading.quotes import BoardUnavailableError, board
from trading.runtime.handle import installed, trader
from trading.selectors import market as market_reads
from trading.selectors.market import Quotes, Verdicts
from trading.spread import Touch
from trading.venues.base import Book, Quote, VenueError

log = structlog.get_logger(__name__)
REST_TIMEOUT_SECONDS = 5.0
BOOK_DEPTH = 20


@looked(lambda symbols: tuple(symbols))
def board_quotes(symbols: Sequence[str]) -> dict[tuple[str, str], Quote]:
    """The board's quotes; none when Redis is down (then REST must tell)."""
    try:
        return dict(board().quotes(symbols))
    except BoardUnavailableError:
        log.warning("quote_board_unavailable")
        return {}


def lacking(quotes: Quotes, verdicts: Verdicts, symbols: Sequence[str], venues: Sequence[str]) -> dict[str, list[str]]:
    """venue -> symbols that it has no usable quote of."""
    found: dict[str, list[str]] = {}
    for venue in venues:
        without = [symbol for symbol in symbols if (venue, symbol) not in quotes or not verdicts[symbol][venue].ok]
        if without:
            found[venue] = without
    return found


def rest_quotes(wanted: dict[str, list[str]]) -> tuple[dict[tuple[str, str], Quote], dict[str, str]]:
    """Fresh quotes from each venue, and why a venue gave none. Only the trader may ask."""
    runtime = trader()
    found: dict[tuple[str, str], Quote] = {}
    failed: dict[str, str] = {}
    for venue, symbols in wanted.items():
        try:
            client = runtime.client(venue, simulated=False)
            answers = runtime.run(client.fetch_quotes(symbols), REST_TIMEOUT_SECONDS)
            found.update({(venue, quote.symbol): quote for quote in answers})
        except (VenueError, RefusedError) as error:
            failed[venue] = str(error)
    _share(list(found.values()))
    return found, failed


def _share(quotes: list[Quote]) -> None:
    try:
        if quotes:
            board().put(quotes)
    except BoardUnavailableError:
        log.warning("quote_board_unavailable")


class QuoteRead:
    """Quotes with their verdicts, and the venues that could not be asked."""

    def __init__(self, quotes: Quotes, verdicts: Verdicts, failed: dict[str, str], now: datetime) -> None:
        self.quotes, self.verdicts, self.failed, self.now = quotes, verdicts, failed, now

    def reason(self, symbol: str, venue: str) -> str:
        verdict = self.verdicts.get(symbol, {}).get(venue)
        return "missing" if verdict is None else verdict.reason


def quotes_read(symbols: Sequence[str], venues: Sequence[str], *, rest: bool = True) -> QuoteRead:
    """The board, topped up by REST when this process is the trader."""
    quotes, now = board_quotes(symbols), utc_now()
    verdicts = market_reads.judge(quotes, now=now)
    wanted = lacking(quotes, verdicts, symbols, venues)
    if not wanted or not rest or installed() is None:
        return QuoteRead(quotes, verdicts, {}, now)
    fresh, failed = rest_quotes(wanted)
    quotes, now = {**quotes, **fresh}, utc_now()
    return QuoteRead(quotes, market_reads.judge(quotes, now=now), failed, now)


def deepened(symbol: str, long: Touch, short: Touch, quantity: Decimal) -> tuple[Touch, Touch]:
    """The pair with the venues' books where the touch does not hold ``quantity``; else, and elsewhere, as it is.

    A book that cannot be read changes nothing: what the touch does not hold is then counted at the limit price.
    """
    runtime = installed()
    if runtime is None or min(long.asks[0][1], short.bids[0][1]) >= quantity:
        return long, short
    try:
        books = runtime.gather(
            *(runtime.client(touch.venue, simulated=False).fetch_book(symbol, BOOK_DEPTH) for touch in (long, short)),
            timeout=REST_TIMEOUT_SECONDS,
        )
    except (VenueError, RefusedError) as error:
        log.warning("book_unread", symbol=symbol, error=str(error))
        return long, short
    return _touch_of_book(books[0], long), _touch_of_book(books[1], short)


def _touch_of_book(book: Book, touch: Touch) -> Touch:
    """An empty side says nothing: the quote stays."""
    return Touch(book.venue, book.bids, book.asks) if book.bids and book.asks else touch
