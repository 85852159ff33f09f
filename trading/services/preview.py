"""Preview: what an entry would find now. Reads only."""

from decimal import Decimal
from typing import Any

from propbot.errors import RefusedError
from risk.selectors import control_read
from trading import candidates
from trading.selectors import market as market_reads
from trading.services import entry_plan
from trading.services.requote import quotes_read
from trading.services.scanning import quotes_shown
from trading.venues.registry import venue_ids


def entry_preview(
    *, symbol: str, min_spread: Decimal | None, min_spread_bps: Decimal | None, notional_usdt: Decimal | None
) -> dict[str, Any]:
    """Spread, costs and net edge of the widest pair. Refuses 400 ``symbol_not_allowed`` or ``stale_quote``."""
    control = control_read()
    listings = market_reads.listings([symbol])
    if not listings:
        raise RefusedError("symbol_not_allowed", f"no venue lists {symbol}", context={"symbol": symbol})
    read = quotes_read([symbol], venue_ids(), rest=False)
    market = market_reads.market(read.quotes, read.verdicts, [symbol])
    pair = candidates.widest(market, symbol)
    if pair is None:
        raise entry_plan.no_quotes(symbol, read)
    terms = market_reads.terms(
        notional_usdt=notional_usdt or control.order_notional_usdt,
        max_slippage_bps=control.max_slippage_bps,
        now=read.now,
    )
    found = candidates.evaluate(market, symbol, *pair, terms)
    gross = found.gross
    return {
        "symbol": symbol,
        "min_spread": min_spread,
        "min_spread_bps": min_spread_bps,
        "notional_usdt": terms.notional_usdt,
        "spread": gross.spread,
        "spread_bps": gross.spread_bps,
        "meets_min_spread": meets(gross.spread, gross.spread_bps, min_spread, min_spread_bps),
        "long_exchange": gross.long_venue,
        "short_exchange": gross.short_venue,
        "cheap_ask": gross.cheap_ask,
        "expensive_bid": gross.expensive_bid,
        "net_edge_bps": found.net_edge_bps,
        "costs": found.costs.parts(),
        "unknown": found.costs.unknown(),
        "quotes": quotes_shown(read, symbol),
        "ts": read.now,
    }


def meets(spread: Decimal, spread_bps: Decimal, least: Decimal | None, least_bps: Decimal | None) -> bool:
    return (least is None or spread >= least) and (least_bps is None or spread_bps >= least_bps)
