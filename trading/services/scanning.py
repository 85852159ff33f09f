"""The scan: every allowed symbol over every ordered pair of venues; its best candidate becomes an Opportunity.

One at a time over all processes. ``allowed`` means that the net edge reaches the minimum and nothing of the desk
stands in the way; whatever does is the ``blocked_reason``.
"""

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from propbot import config
from propbot.errors import RefusedError
from risk.desk import ControlSnapshot
from risk.intents import OrderIntent
from risk.looks import one_look
from risk.registry import DEFAULT_STRATEGY
from risk.selectors import control_read, desk_read, orders_are_simulated
from risk.services.edge import edge_guard
from risk.services.gate import risk_gate
from risk.services.governor import throttle_read
from risk.services.strategies import strategies_live
from trading import candidates
from trading.candidates import Candidate, Market, Terms
from trading.choices import OpportunityStatus
from trading.jsonable import jsonable
from trading.models import Opportunity
from trading.selectors import desk_checks
from trading.selectors import market as market_reads
from trading.services.requote import QuoteRead, deepened, quotes_read
from trading.services.single import SCAN_LOCK, only_one
from trading.services.task_state import SCANNER, task_state_note
from trading.strategies.base import MarketView, Plugin
from trading.strategies.registry import PLUGINS
from trading.venues.registry import venue_ids

NO_SYMBOLS = "no_symbol_allowed"
NO_QUOTES = "stale_quote"
BELOW_MINIMUM = "net_edge_below_minimum"
OPPORTUNITY_SECONDS = 30
UNKNOWN_REASONS = {
    "standing_basis_bps": "no_basis",
    "entry_fees_bps": "no_fees",
    "exit_fees_bps": "no_fees",
    "slippage_bps": "no_depth",
    "funding_bps": "no_funding",
}


@dataclass(frozen=True)
class ScanResult:
    """``opportunity_id`` is None when there were no two usable quotes of any symbol."""

    opportunity_id: UUID | None
    blocked_reason: str
    symbols: int
    refused_quotes: dict[str, int]
    elapsed_ms: float
    cpu_ms: float


def scan(*, now: datetime) -> ScanResult | None:
    """None when another scan is running."""
    with only_one(SCAN_LOCK) as alone, one_look():
        return scan_note(scan_look(market_reads.allowed_symbols(), now=now)) if alone else None


@dataclass(frozen=True)
class ScanLook:
    """What a scan has found, before it is stored. ``opportunity`` is an unsaved row."""

    at: datetime
    symbols: list[str]
    read: QuoteRead | None
    opportunity: Opportunity | None
    started: float
    cpu: float


def scan_look(symbols: list[str], *, now: datetime) -> ScanLook:
    started, cpu = time.monotonic(), time.thread_time()
    read = quotes_read(symbols, venue_ids()) if symbols else None
    opportunity = opportunity_find(symbols, read, now=now) if read else None
    return ScanLook(now, symbols, read, opportunity, started, cpu)


def scan_note(look: ScanLook) -> ScanResult:
    """Store the opportunity, and what the scan says of itself."""
    opportunity, symbols, read, started, cpu = look.opportunity, look.symbols, look.read, look.started, look.cpu
    if opportunity is not None:
        opportunity.save(force_insert=True)
    result = ScanResult(
        opportunity_id=opportunity.pk if opportunity else None,
        blocked_reason=opportunity.blocked_reason if opportunity else (NO_QUOTES if symbols else NO_SYMBOLS),
        symbols=len(symbols),
        refused_quotes=_refused(read),
        elapsed_ms=round((time.monotonic() - started) * 1000, 3),
        cpu_ms=round((time.thread_time() - cpu) * 1000, 3),
    )
    task_state_note(name=SCANNER, now=look.at, details=jsonable(vars(result)))
    return result


def _refused(read: QuoteRead | None) -> dict[str, int]:
    return dict(Counter(reason for _, _, reason in market_reads.refusals(read.verdicts))) if read else {}


def opportunity_find(symbols: list[str], read: QuoteRead, *, now: datetime) -> Opportunity | None:
    control = control_read()
    control = replace(control, order_notional_usdt=automatic_notional(control))
    best = best_found(symbols, read, control)
    if best is None:
        return None
    return opportunity_of(best, read, control, blocked_reason=blocked_reason(best, control), now=now)


@dataclass(frozen=True)
class Found:
    """The best candidate of one strategy."""

    strategy: str
    candidate: Candidate


def best_found(symbols: list[str], read: QuoteRead, control: ControlSnapshot) -> Found | None:
    """The first strategy whose best candidate earns the minimum; with none the default's, for its reason to be seen.

    The default one always looks, also while it may not trade; another only while it is enabled and not stopped.
    """
    touches, bases = market_reads.active_touches(read.quotes, read.verdicts), market_reads.basis_table()
    view = MarketView(symbols, touches, bases, market_reads.listings, read.now)
    found: list[Found] = []
    for name in looking():
        best = best_candidate(PLUGINS[name], view, control)
        if best is None:
            continue
        found.append(Found(name, best))
        if not edge_reason(best, control.min_spread_bps):
            return found[-1]
    return found[0] if found else None


def looking() -> list[str]:
    """The strategies that look at this scan, in the order of their registration."""
    live = strategies_live()
    return [name for name in PLUGINS if name == DEFAULT_STRATEGY or name in live]


def best_candidate(plugin: Plugin, view: MarketView, control: ControlSnapshot) -> Candidate | None:
    """What a strategy proposes, ranked by full costs; only the proposed instruments are read for that."""
    terms = market_reads.terms(
        notional_usdt=control.order_notional_usdt,
        max_slippage_bps=control.max_slippage_bps,
        now=view.now,
        strategy=plugin.name,
    )
    pairs = plugin.propose(view)
    market = Market(view.touches, market_reads.listings(sorted({symbol for symbol, _, _ in pairs})), view.bases)
    best = candidates.best(market, pairs, terms)
    return best if best is None else at_depth(best, market, terms)


def at_depth(best: Candidate, market: Market, terms: Terms) -> Candidate:
    """The winner once more against the venues' books, where its touch is thinner than the size."""
    of_symbol, gross = market.touches[best.symbol], best.gross
    long, short = of_symbol[gross.long_venue], of_symbol[gross.short_venue]
    deeper = deepened(best.symbol, long, short, terms.notional_usdt / gross.cheap_ask)
    return best if deeper == (long, short) else candidates.evaluate(market, best.symbol, *deeper, terms)


def blocked_reason(found: Found, control: ControlSnapshot) -> str:
    """Why it may not be traded, or empty. The desk comes first: under HOLD that is what an operator must see."""
    candidate = found.candidate
    try:
        desk_checks.assert_entry_possible(
            symbol=candidate.symbol,
            venues=(candidate.gross.long_venue, candidate.gross.short_venue),
            epoch=desk_read().trader_epoch,
        )
    except RefusedError as refused:
        return refused.code
    return edge_reason(candidate, control.min_spread_bps) or risk_reason(found, control)


def edge_reason(candidate: Candidate, minimum_bps: Decimal) -> str:
    if candidate.net_edge_bps is None:
        return UNKNOWN_REASONS[candidate.costs.unknown()[0]]
    return "" if candidate.net_edge_bps >= minimum_bps else BELOW_MINIMUM


def risk_reason(found: Found, control: ControlSnapshot) -> str:
    intent = suggested_intent(found, control, simulated=orders_are_simulated(desk_read()))
    if not edge_guard(intent=intent).allowed:
        return "edge_guard"
    decision = risk_gate(intent=intent, dry_run=intent.simulated)
    return "" if decision.allowed else decision.reason


def suggested_intent(found: Found, control: ControlSnapshot, *, simulated: bool) -> OrderIntent:
    gross = found.candidate.gross
    return OrderIntent(
        strategy=found.strategy,
        symbol=found.candidate.symbol,
        long_venue=gross.long_venue,
        short_venue=gross.short_venue,
        quantity=control.order_notional_usdt / gross.cheap_ask,
        notional_usdt=control.order_notional_usdt,
        leverage=leverage_suggestion(),
        simulated=simulated,
        initiator="scanner",
    )


def automatic_notional(control: ControlSnapshot) -> Decimal:
    """ORDER_NOTIONAL_USDT, shrunk by the day's drawdown before HOLD has to stop everything (risk.throttle)."""
    return control.order_notional_usdt * throttle_read().size_factor


def leverage_suggestion() -> Decimal:
    return config.values().decimal("SCAN_LEVERAGE_SUGGESTION")


def quotes_shown(read: QuoteRead, symbol: str) -> dict[str, Any]:
    """venue -> bid, ask and age in ms (by the older of the venue's and our time)."""
    return {
        venue: {"bid": quote.bid, "ask": quote.ask, "age_ms": age_ms(quote.venue_at, quote.received_at, read.now)}
        for (venue, of_symbol), quote in read.quotes.items()
        if of_symbol == symbol
    }


def age_ms(venue_at: datetime | None, received_at: datetime, now: datetime) -> int:
    oldest = received_at if venue_at is None else min(venue_at, received_at)
    return max(0, int((now - oldest) / timedelta(milliseconds=1)))


def opportunity_of(
    found: Found, read: QuoteRead, control: ControlSnapshot, *, blocked_reason: str, now: datetime
) -> Opportunity:
    best = found.candidate
    gross = best.gross
    return Opportunity(
        symbol=best.symbol,
        strategy=found.strategy,
        long_venue=gross.long_venue,
        short_venue=gross.short_venue,
        spread=gross.spread,
        spread_bps=gross.spread_bps,
        net_edge_bps=best.net_edge_bps,
        costs=jsonable(best.costs.parts()),
        quotes=jsonable(quotes_shown(read, best.symbol)),
        notional_suggestion=control.order_notional_usdt,
        leverage_suggestion=leverage_suggestion(),
        status=OpportunityStatus.BLOCKED_BY_RISK if blocked_reason else OpportunityStatus.ALLOWED,
        blocked_reason=blocked_reason[:64],
        created_at=now,
        expires_at=now + timedelta(seconds=OPPORTUNITY_SECONDS),
    )
