"""One venue account through unmodified ccxt: base.VenueClient in base units, whatever the venue counts in."""

import asyncio
import re
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from trading.venues import errors, parsing
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
    VenuePosition,
    VenueStatus,
)
from trading.venues.binance import BinanceDialect
from trading.venues.dialect import Dialect, Finding, Listing, Listings, now
from trading.venues.errors import HttpAnswer
from trading.venues.limiter import TokenBucket
from trading.venues.okx import OkxDialect
from trading.venues.quirks import Quirks
from trading.venues.unified import UnifiedDialect
from trading.venues.wire import Observer, Wire

Answered = TypeVar("Answered")
DIALECTS: dict[str, type[Dialect]] = {"binance": BinanceDialect, "okx": OkxDialect, "unified": UnifiedDialect}
CLOCK_SAMPLES = 5
WARM_AFTER_SECONDS = 10.0  # aiohttp and the venues drop idle connections after about 15
WARM_CHECK_SECONDS = 2.0
FOLLOW_UP_SECONDS = 1.5


class NotSentError(Exception):
    """Refused on this side of the wire; the sentence says why."""


class CcxtClient:
    """``connect`` yields a wire when first needed, so that a venue that is down delays nobody's start."""

    def __init__(self, venue: str, quirks: Quirks, connect: Callable[[TokenBucket], Awaitable[Wire]]) -> None:
        self.venue = venue
        self.observer: Observer | None = None
        self._quirks = quirks
        self._connect = connect
        self._listings = Listings(venue)
        self._slots = TokenBucket(quirks.orders_per_second, quirks.order_burst)
        self._weights = TokenBucket(quirks.weight_per_second, quirks.weight_burst)
        self._opening = asyncio.Lock()
        self._wire: Wire | None = None
        self._dialect: Dialect | None = None
        self._warmer: asyncio.Task[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<client of {self.venue}>"

    # --- opening and keeping the connection -------------------------------------------------

    async def _open(self) -> tuple[Wire, Dialect]:
        async with self._opening:
            if self._closed:
                raise VenueError(self.venue, "closed", "this client was closed")
            if self._wire is None or self._dialect is None:
                self._wire = await self._connect(self._weights)
                self._dialect = DIALECTS[self._quirks.dialect](self._wire, self._listings)
                self._warmer = asyncio.create_task(self._keep_warm(), name=f"warm {self.venue}")
            self._wire.observer = self.observer
            if not self._listings.by_symbol:
                await load_listings(self._wire, self._dialect, self._listings)
            return self._wire, self._dialect

    async def _keep_warm(self) -> None:
        """A cheap call when nothing was said for a while: the next order must not pay for a handshake."""
        while True:
            await asyncio.sleep(WARM_CHECK_SECONDS)
            if self._wire and self._dialect and time.monotonic() - self._wire.last_call_at > WARM_AFTER_SECONDS:
                try:
                    await self._dialect.server_time()
                except (VenueError, parsing.FieldError):
                    continue  # the observer has noted it; the watchdog speaks of it

    async def close(self) -> None:
        self._closed = True
        if self._warmer is not None:
            self._warmer.cancel()
            await asyncio.gather(self._warmer, return_exceptions=True)
        if self._wire is not None:
            await self._wire.close()

    async def _read(self, question: Callable[[Dialect], Awaitable[Answered]]) -> Answered:
        _, dialect = await self._open()
        try:
            return await question(dialect)
        except (parsing.FieldError, KeyError, ArithmeticError) as error:
            raise VenueError(self.venue, "unreadable", str(error)[:200]) from None

    async def _listed(self, symbols: Sequence[str]) -> list[Listing]:
        await self._open()
        return [listing for symbol in symbols if (listing := self._listings.by_symbol.get(symbol))]

    async def _listing(self, symbol: str) -> Listing:
        await self._open()
        return self._listings.of(symbol)

    # --- orders -----------------------------------------------------------------------------

    async def acquire_order_slot(self) -> None:
        await self._slots.acquire()

    async def submit(self, request: OrderRequest) -> Outcome:
        """At most one request leaves; S1 classifies what comes back. Never raises for the venue's troubles."""
        try:
            wire, dialect = await self._open()
            listing = self._listings.of(request.symbol)
            self._check(request, listing)
        except (VenueError, NotSentError) as error:
            return Outcome(OutcomeKind.REJECTED, "not_sent", str(error)[: errors.TEXT_LIMIT])
        answer = await wire.mutate(
            "create_order",
            listing.unified,
            request.order_type,
            request.side,
            parsing.plain(request.quantity / listing.contract_size),
            None if request.limit_price is None else parsing.plain(request.limit_price),
            dialect.order_params(request),
            expires_at=request.expires_at if self._quirks.expires_in_header else None,
        )
        outcome = errors.classify_submit(self._quirks.outcomes, answer, request.client_order_id)
        self._heed(outcome)
        return await self._with_order(outcome, answer, request, listing)

    def _check(self, request: OrderRequest, listing: Listing) -> None:
        """ccxt would round quantity and price in silence, and the venue would take the rounded order."""
        info = listing.info
        if not re.fullmatch(self._quirks.client_id_pattern, request.client_order_id):
            raise NotSentError(f"client order id {request.client_order_id!r} is not one of this venue")
        if not request.quantity > 0 or request.quantity % info.lot_size != 0:
            raise NotSentError(f"quantity {request.quantity} is not a multiple of the lot {info.lot_size}")
        if request.limit_price is not None and request.limit_price % info.tick_size != 0:
            raise NotSentError(f"price {request.limit_price} is not a multiple of the tick {info.tick_size}")
        if (request.limit_price is None) != (request.order_type == "market"):
            raise NotSentError("a limit order needs a price and a market order has none")
        if now() >= request.expires_at:
            raise NotSentError("the order expired before it was sent")

    def _heed(self, outcome: Outcome) -> None:
        if outcome.kind == OutcomeKind.THROTTLED:
            self._slots.block(outcome.retry_after_seconds or 1.0)

    async def _with_order(
        self, outcome: Outcome, answer: HttpAnswer, request: OrderRequest, listing: Listing
    ) -> Outcome:
        """Add the order's state where the answer holds it, or one cheap read does. Failing leaves the outcome."""
        untabled = self._quirks.outcomes is errors.UNTABLED
        arrived = untabled and answer.status is not None and 200 <= answer.status < 300 and not answer.trouble
        if outcome.kind != OutcomeKind.ACCEPTED and not arrived:
            return outcome
        order = self._dialect.order_in_answer(answer.body, listing) if self._dialect else None
        at_once = request.order_type == "market" or request.time_in_force == "ioc"
        if order is None and (arrived or (self._quirks.follow_up_after_submit and at_once)):
            order = await self._follow_up(request)
        if order is None:
            return outcome
        return Outcome(OutcomeKind.ACCEPTED, venue_order_id=order.venue_order_id, order=order)

    async def _follow_up(self, request: OrderRequest) -> VenueOrder | None:
        try:
            async with asyncio.timeout(FOLLOW_UP_SECONDS):
                return await self.fetch_order(request.symbol, request.client_order_id)
        except (VenueError, TimeoutError):
            return None  # the acknowledgement stands; the engine asks again

    async def cancel(self, symbol: str, client_order_id: str, *, venue_order_id: str = "") -> Outcome:
        """ACCEPTED is an acknowledgement only: a fill may still arrive (B13), so the order is fetched after it."""
        try:
            wire, _ = await self._open()
            listing = self._listings.of(symbol)
        except VenueError as error:
            return Outcome(OutcomeKind.REJECTED, "not_sent", str(error)[: errors.TEXT_LIMIT])
        named = (None, {"clientOrderId": client_order_id}) if client_order_id else (venue_order_id, {})
        answer = await wire.mutate("cancel_order", named[0], listing.unified, named[1])
        outcome = errors.classify_cancel(self._quirks.outcomes, answer, client_order_id)
        self._heed(outcome)
        return outcome

    async def set_leverage(self, symbol: str, leverage: Decimal) -> Outcome:
        try:
            wire, _ = await self._open()
            listing = self._listings.of(symbol)
            if leverage != leverage.to_integral_value():
                raise NotSentError(f"leverage {leverage} is not a whole number")
        except (VenueError, NotSentError) as error:
            return Outcome(OutcomeKind.REJECTED, "not_sent", str(error)[: errors.TEXT_LIMIT])
        answer = await wire.mutate("set_leverage", int(leverage), listing.unified, dict(self._quirks.leverage_params))
        outcome = errors.classify_setting(
            answer, accepted=_leverage_proved(answer, leverage), unchanged=self._quirks.leverage_unchanged
        )
        self._heed(outcome)
        return outcome

    async def arm_cancel_timer(self, symbols: Sequence[str], seconds: float) -> Outcome:
        bounds = self._quirks.cancel_timer_seconds
        if bounds is None:
            return Outcome(OutcomeKind.REJECTED, "not_sent", f"{self.venue} has no cancel timer that PropBot knows")
        return await self._timer(symbols, min(max(seconds, bounds[0]), bounds[1]))

    async def disarm_cancel_timer(self, symbols: Sequence[str]) -> Outcome:
        return await self._timer(symbols, 0)

    async def _timer(self, symbols: Sequence[str], seconds: float) -> Outcome:
        try:
            _, dialect = await self._open()
            return await dialect.arm([self._listings.of(symbol) for symbol in symbols], seconds)
        except VenueError as error:
            return Outcome(OutcomeKind.REJECTED, "not_sent", str(error)[: errors.TEXT_LIMIT])

    # --- reads ------------------------------------------------------------------------------

    async def fetch_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        listing = await self._listing(symbol)
        order = await self._read(lambda dialect: dialect.fetch_order(listing, client_order_id))
        if order is not None and order.client_order_id != client_order_id:
            raise VenueError(self.venue, "unreadable", "the venue answered with another order")
        return order

    async def fetch_open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        listing = None if symbol is None else await self._listing(symbol)
        return await self._read(lambda dialect: dialect.open_orders(listing))

    async def fetch_fills(self, symbol: str, since: datetime) -> list[VenueFill]:
        listing = await self._listing(symbol)
        return await self._read(lambda dialect: dialect.fills(listing, since))

    async def fetch_cause(self, symbol: str, venue_order_id: str) -> str:
        listing = await self._listing(symbol)
        return await self._read(lambda dialect: dialect.cause(listing, venue_order_id))

    async def fetch_positions(self) -> list[VenuePosition]:
        return await self._read(lambda dialect: dialect.positions())

    async def fetch_account(self) -> VenueAccount:
        return await self._read(lambda dialect: dialect.account())

    async def fetch_ledger(self, since: datetime) -> list[VenueLedgerRow]:
        return await self._read(lambda dialect: dialect.ledger(since))

    async def fetch_instruments(self) -> list[InstrumentInfo]:
        """Reads the venue's list anew: this call is the scheduled refresh of the markets."""
        wire, dialect = await self._open()
        await load_listings(wire, dialect, self._listings)
        return [listing.info for listing in self._listings.by_symbol.values()]

    async def fetch_max_leverages(self) -> dict[str, Decimal]:
        """Per symbol, where the instrument list does not hold it; needs keys."""
        return await self._read(lambda dialect: dialect.max_leverages())

    async def raw(self, method: str, params: Mapping[str, Any]) -> Any:
        """The venue's own document of a public call, for recordings."""
        wire, _ = await self._open()
        return await wire.call(method, dict(params))

    async def fetch_fee(self, symbol: str) -> FeeInfo:
        listing = await self._listing(symbol)
        return await self._read(lambda dialect: dialect.fee(listing))

    async def fetch_funding(self, symbols: Sequence[str]) -> list[FundingInfo]:
        listings = await self._listed(symbols)
        return await self._read(lambda dialect: dialect.funding(listings)) if listings else []

    async def fetch_quotes(self, symbols: Sequence[str]) -> list[Quote]:
        listings = await self._listed(symbols)
        return await self._read(lambda dialect: dialect.quotes(listings)) if listings else []

    async def fetch_marks(self, symbols: Sequence[str]) -> list[Mark]:
        listings = await self._listed(symbols)
        return await self._read(lambda dialect: dialect.marks(listings)) if listings else []

    async def fetch_book(self, symbol: str, depth: int) -> Book:
        listing = await self._listing(symbol)
        return await self._read(lambda dialect: dialect.book(listing, depth))

    async def fetch_volumes(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        listings = await self._listed(symbols)
        return await self._read(lambda dialect: dialect.volumes(listings)) if listings else {}

    async def fetch_status(self) -> VenueStatus:
        return await self._read(lambda dialect: dialect.status())

    async def measure_clock(self) -> ClockSample:
        """Five midpoints in a row; the median sample's skew and half its round trip."""
        samples = [await self._clock_sample() for _ in range(CLOCK_SAMPLES)]
        skew = statistics.median_low([sample[0] for sample in samples])
        half = next(sample[1] for sample in samples if sample[0] == skew)
        return ClockSample(skew_ms=skew, half_round_trip_ms=half, at=now())

    async def _clock_sample(self) -> tuple[float, float]:
        await self._open()
        before, started = now(), time.monotonic()
        venue_at = await self._read(lambda dialect: dialect.server_time())
        half = timedelta(seconds=(time.monotonic() - started) / 2)
        millisecond = timedelta(milliseconds=1)
        return (venue_at - (before + half)) / millisecond, half / millisecond

    async def preflight(self) -> Preflight:
        """Everything that must be true before the first order. What cannot be read is a problem (law 9)."""
        findings: list[Finding] = []
        for ask in (self._account_findings, self._balance_findings, self._clock_findings):
            try:
                findings += await ask()
            except VenueError as error:
                sentence = f"it cannot be read ({error.code}): {error.message}"
                findings.append(Finding(f"unread{ask.__name__}", error.code, sentence))
        timer = self._quirks.cancel_timer_seconds is not None
        findings.append(Finding("cancel_timer", timer, "" if timer else "the venue has no cancel timer"))
        problems = tuple(finding.problem for finding in findings if finding.problem)
        return Preflight(not problems, problems, {finding.fact: finding.value for finding in findings})

    async def _account_findings(self) -> list[Finding]:
        return await self._read(lambda dialect: dialect.findings())

    async def _balance_findings(self) -> list[Finding]:
        account = await self.fetch_account()
        return [Finding("equity_usdt", str(account.equity_usdt))]

    async def _clock_findings(self) -> list[Finding]:
        sample = await self.measure_clock()
        return [Finding("clock_skew_ms", round(sample.skew_ms, 1))]


async def load_listings(wire: Wire, dialect: Dialect, listings: Listings) -> None:
    """Read the venue's markets anew; VenueError when there is none that PropBot could trade."""
    markets = await wire.call("load_markets", True, weight=2)
    found = [_listing(dialect, market) for market in markets.values() if _is_linear_perpetual(market)]
    readable = [listing for listing in found if listing is not None]
    if not readable:
        raise VenueError(wire.venue, "no_instruments", "the venue lists no linear USDT perpetual that can be read")
    listings.replace(readable)


def _is_linear_perpetual(market: Mapping[str, Any]) -> bool:
    return bool(market.get("swap") and market.get("linear") and market.get("settle") == market.get("quote") == "USDT")


def _listing(dialect: Dialect, market: Mapping[str, Any]) -> Listing | None:
    """None for a row that cannot be read: one placeholder of the venue must not take the others down."""
    try:
        return Listing(dialect.instrument(market), market["symbol"])
    except (parsing.FieldError, KeyError):
        return None


def _leverage_proved(answer: HttpAnswer, leverage: Decimal) -> bool:
    """The answer must repeat the leverage: Binance {"leverage": 3}, OKX data[0].lever "3"."""
    document = parsing.read_json(answer.body)
    if not isinstance(document, dict):
        return False
    data = document.get("data")
    told = data[0].get("lever") if isinstance(data, list) and data and isinstance(data[0], dict) else None
    return str(told if told is not None else document.get("leverage")) == str(int(leverage))
