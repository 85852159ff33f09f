"""When open hedges close by themselves: the pure exit rules over what is known now."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from propbot.clock import utc_now
from propbot.config import values
from propbot.errors import RefusedError
from trading.candidates import Market
from trading.choices import HedgeStatus
from trading.exit_rules import ExitFacts, ExitRules, exit_spread_bps, mid_spread_bps
from trading.models import Hedge
from trading.selectors import market as market_reads
from trading.selectors.market import longest_holding
from trading.services.closing import closing_continue, hedge_close
from trading.services.requote import quotes_read
from trading.spread import funding_bps
from trading.strategies.registry import plugin_of
from trading.venues.registry import venue_ids

log = structlog.get_logger(__name__)


def rules_read() -> ExitRules:
    return ExitRules(
        converged_bps=values().decimal("CONVERGED_BPS"),
        take_profit_bps=values().optional_decimal("TAKE_PROFIT_BPS"),
        max_holding_seconds=longest_holding(),
    )


def facts_of(hedge: Hedge, market: Market, *, now: datetime) -> ExitFacts:
    """What is known of a hedge now; a venue without a usable quote leaves the spreads unknown."""
    touches = market.touches.get(hedge.symbol, {})
    long, short = touches.get(hedge.long_venue), touches.get(hedge.short_venue)
    quoted = long is not None and short is not None
    return ExitFacts(
        opened_at=hedge.opened_at or hedge.created_at,
        entry_spread_bps=hedge.entry_spread_bps,
        exit_spread_bps=exit_spread_bps(long=long, short=short) if long and short and quoted else None,
        mid_spread_bps=mid_spread_bps(long=long, short=short) if long and short and quoted else None,
        standing_basis_bps=market.standing_basis(hedge.symbol, hedge.long_venue, hedge.short_venue),
        funding_bps=_funding(hedge, market, now),
    )


def _funding(hedge: Hedge, market: Market, now: datetime) -> Decimal | None:
    """What the hedge is expected to pay over the holding time still ahead, in bps; None when a rate is unknown."""
    long = market.listings.get((hedge.long_venue, hedge.symbol))
    short = market.listings.get((hedge.short_venue, hedge.symbol))
    if long is None or short is None:
        return None
    ahead = plugin_of(hedge.strategy).holding_seconds(longest_holding())
    return funding_bps(long=long.funding, short=short.funding, now=now, holding_seconds=ahead)


def exits_due(*, now: datetime) -> list[tuple[Hedge, str]]:
    """Open hedges that a rule closes, with its name; one read of quotes for all of them."""
    hedges = list(Hedge.objects.filter(status=HedgeStatus.OPEN))
    if not hedges:
        return []
    symbols = sorted({hedge.symbol for hedge in hedges})
    read = quotes_read(symbols, list(venue_ids()))
    market, rules = market_reads.market(read.quotes, read.verdicts, symbols), rules_read()
    judged = [(hedge, reason_of(hedge, facts_of(hedge, market, now=now), rules, now=now)) for hedge in hedges]
    return [(hedge, reason) for hedge, reason in judged if reason is not None]


def reason_of(hedge: Hedge, facts: ExitFacts, rules: ExitRules, *, now: datetime) -> str | None:
    """The rule of the hedge's own strategy."""
    return plugin_of(hedge.strategy).exit_reason(facts, rules, now=now)


def closing_sweep() -> int:
    """Carry on what is closing, then close what a rule says; how many hedges were touched."""
    touched = closing_continue()
    return touched + _close_each(exits_due(now=utc_now()))


def _close_each(due: Sequence[tuple[Hedge, str]]) -> int:
    for hedge, reason in due:
        try:
            hedge_close(hedge_id=hedge.pk, reason=reason)
        except RefusedError as refused:
            log.warning("exit_refused", hedge=str(hedge.pk), code=refused.code)
    return len(due)
