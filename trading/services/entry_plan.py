"""From a request to a plan: is the spread still there, what is left of it, at which prices and how much."""

from collections.abc import Mapping
from decimal import Decimal

from propbot.clock import monotonic_ms
from propbot.errors import RefusedError
from risk.desk import ControlSnapshot
from risk.intents import OrderIntent
from trading import candidates, sizing
from trading.candidates import Candidate, Listing, Market
from trading.entry_types import EntryRequest
from trading.jsonable import jsonable
from trading.selectors import market as market_reads
from trading.services.requote import QuoteRead
from trading.sizing import EntryPlan
from trading.spread import Touch
from trading.venues.base import Quote


def draft_intent(request: EntryRequest, *, simulated: bool, candidate: Candidate | None = None) -> OrderIntent:
    """The intent before its quantity is known: enough for the limits of a request."""
    gross = candidate.gross if candidate else None
    return OrderIntent(
        strategy=request.strategy,
        symbol=request.symbol,
        long_venue=gross.long_venue if gross else request.long_venue,
        short_venue=gross.short_venue if gross else request.short_venue,
        quantity=request.notional_usdt / gross.cheap_ask if gross else Decimal(0),
        notional_usdt=request.notional_usdt,
        leverage=request.leverage,
        simulated=simulated,
        initiator=request.initiator,
    )


def market_of(request: EntryRequest, read: QuoteRead) -> Market:
    return market_reads.market(read.quotes, read.verdicts, [request.symbol])


def chosen_pair(request: EntryRequest, market: Market, read: QuoteRead) -> tuple[Touch, Touch]:
    """The pair asked for, else the widest. Refuses 400 stale_quote, or 503 when a venue could not be asked."""
    pairs = list(market.pairs(request.symbol))
    if request.long_venue:
        wanted = (request.long_venue, request.short_venue)
        found = next((pair for pair in pairs if (pair[0].venue, pair[1].venue) == wanted), None)
    else:
        found = candidates.widest(market, request.symbol)
    if found is None:
        raise no_quotes(request.symbol, read)
    return found


def no_quotes(symbol: str, read: QuoteRead) -> RefusedError:
    if read.failed:
        return RefusedError(
            "venue_unavailable", f"no quote of {symbol}: {'; '.join(read.failed.values())}", status=503,
            context={"venues": sorted(read.failed)},
        )  # fmt: skip
    reasons = {venue: verdict.reason for venue, verdict in read.verdicts.get(symbol, {}).items() if not verdict.ok}
    return RefusedError(
        "stale_quote", f"{symbol} has no usable quotes on two venues", context={"symbol": symbol, "quotes": reasons}
    )


def assert_spread(request: EntryRequest, candidate: Candidate) -> None:
    """The spread asked for is still there; where the desk must earn, the net edge too (unknown is not enough)."""
    gross, edge = candidate.gross, candidate.net_edge_bps
    context = jsonable({"spread": gross.spread, "spread_bps": gross.spread_bps, "net_edge_bps": edge})
    if request.min_spread is not None and not gross.spread >= request.min_spread:
        message = f"spread {gross.spread} USDT is below {request.min_spread}"
        raise RefusedError("spread_below_threshold", message, context=context)
    if request.min_spread_bps is not None and not gross.spread_bps >= request.min_spread_bps:
        message = f"spread {gross.spread_bps} bps is below {request.min_spread_bps} bps"
        raise RefusedError("spread_below_threshold", message, context=context)
    if request.min_net_edge_bps is None:
        return
    if edge is None:
        unknown = ", ".join(candidate.costs.unknown())
        raise RefusedError("spread_below_threshold", f"the net edge is not known: {unknown}", context=context)
    if not edge >= request.min_net_edge_bps:
        message = f"net edge {edge} bps is below {request.min_net_edge_bps} bps"
        raise RefusedError("spread_below_threshold", message, context=context)


def quantity_of(request: EntryRequest, long: Listing, short: Listing, price: Decimal) -> Decimal:
    try:
        return sizing.entry_quantity(request.notional_usdt, long.grid, short.grid, price)
    except sizing.BelowMinimumError as error:
        context = jsonable({"minimum_usdt": error.minimum_usdt, "notional_usdt": request.notional_usdt})
        raise RefusedError("below_minimum", str(error), context=context) from error


def assert_leverage(request: EntryRequest, long: Listing, short: Listing) -> None:
    for listing in (long, short):
        if listing.max_leverage is not None and not request.leverage <= listing.max_leverage:
            raise RefusedError(
                "limit_exceeded",
                f"leverage {request.leverage} exceeds {listing.venue}'s maximum {listing.max_leverage}",
                context={"cap": "max_leverage", "venue": listing.venue},
            )


def plan_build(
    *,
    request: EntryRequest,
    candidate: Candidate,
    market: Market,
    read: QuoteRead,
    control: ControlSnapshot,
    simulated: bool,
) -> EntryPlan:
    """Prices through the touch, the quantity on the common lot, and every input of the decision."""
    gross = candidate.gross
    keys = {"long": (gross.long_venue, request.symbol), "short": (gross.short_venue, request.symbol)}
    long, short = market.listings[keys["long"]], market.listings[keys["short"]]
    quotes = {"long": read.quotes[keys["long"]], "short": read.quotes[keys["short"]]}
    assert_leverage(request, long, short)
    limit_bps = control.max_slippage_bps
    long_price = sizing.quote_price(quotes["long"], "buy", limit_bps, long.grid.tick_size)
    short_price = sizing.quote_price(quotes["short"], "sell", limit_bps, short.grid.tick_size)
    quantity = quantity_of(request, long, short, min(long_price, short_price))
    intent = OrderIntent(
        strategy=request.strategy,
        symbol=request.symbol,
        long_venue=gross.long_venue,
        short_venue=gross.short_venue,
        quantity=quantity,
        notional_usdt=quantity * gross.cheap_ask,
        leverage=request.leverage,
        simulated=simulated,
        initiator=request.initiator,
        long_limit_price=long_price,
        short_limit_price=short_price,
    )
    return EntryPlan(
        intent=intent,
        first_leg="long" if thinner_is_long(quotes) else "short",
        long_price=long_price,
        short_price=short_price,
        quantity=quantity,
        post_only=control.post_only,
        quotes={quote.venue: quote for quote in quotes.values()},
        decided_at=read.now,
        decided_monotonic_ms=monotonic_ms(),
        simulated=simulated,
        spread_bps=gross.spread_bps,
        expected_net_edge_bps=candidate.net_edge_bps if candidate.net_edge_bps is not None else Decimal(0),
        costs_bps={name: part for name, part in candidate.costs.parts().items() if part is not None},
        inputs=jsonable(decision_inputs(request, candidate, control)),
    )


def thinner_is_long(quotes: Mapping[str, Quote]) -> bool:
    """The thinner venue's leg goes first (RELIABILITY S5): what may fail should fail before anything is held."""
    return quotes["long"].ask_quantity <= quotes["short"].bid_quantity


def decision_inputs(request: EntryRequest, candidate: Candidate, control: ControlSnapshot) -> dict[str, object]:
    return {
        "request": request.to_json(),
        "spread": candidate.gross.spread,
        "net_edge_bps": candidate.net_edge_bps,
        "costs_bps": candidate.costs.parts(),
        "max_slippage_bps": control.max_slippage_bps,
        "min_spread_bps": control.min_spread_bps,
    }
