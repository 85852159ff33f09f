"""When a hedge closes by itself (SPEC 6): take profit, convergence, funding turned against, longest holding. Pure.

The standing basis is measured between mids, so convergence is, too; what the exit crosses was counted in the net edge.
Take profit looks at the prices at which the exit would trade. Units: bps of the long venue's ask.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.spread import BPS, Touch


@dataclass(frozen=True)
class ExitRules:
    """Settings; None is off."""

    converged_bps: Decimal
    take_profit_bps: Decimal | None
    max_holding_seconds: int | None


@dataclass(frozen=True)
class ExitFacts:
    """What is known of an open hedge now; None is unknown, and an unknown fact closes nothing.

    ``funding_bps`` is what the hedge is expected to pay over the holding time still ahead (positive: it pays).
    """

    opened_at: datetime
    entry_spread_bps: Decimal | None
    exit_spread_bps: Decimal | None
    mid_spread_bps: Decimal | None
    standing_basis_bps: Decimal | None
    funding_bps: Decimal | None


def exit_spread_bps(*, long: Touch, short: Touch) -> Decimal:
    """What the exit pays: short venue's ask minus long venue's bid."""
    return (short.asks[0][0] - long.bids[0][0]) / long.asks[0][0] * BPS


def mid_spread_bps(*, long: Touch, short: Touch) -> Decimal:
    return (short.mid - long.mid) / long.asks[0][0] * BPS


def exit_reason(facts: ExitFacts, rules: ExitRules, *, now: datetime) -> str | None:
    """The first rule that holds, or None: keep it. The longest holding time needs no quotes."""
    if rules.max_holding_seconds is not None and (now - facts.opened_at).total_seconds() >= rules.max_holding_seconds:
        return "max_holding"
    if _profit_taken(facts, rules):
        return "take_profit"
    remaining = _remaining(facts)
    if remaining is None:
        return None
    if remaining <= rules.converged_bps:
        return "converged"
    if facts.funding_bps is not None and facts.funding_bps > remaining:
        return "funding_against"
    return None


def _profit_taken(facts: ExitFacts, rules: ExitRules) -> bool:
    if rules.take_profit_bps is None or facts.entry_spread_bps is None or facts.exit_spread_bps is None:
        return False
    return facts.entry_spread_bps - facts.exit_spread_bps >= rules.take_profit_bps


def _remaining(facts: ExitFacts) -> Decimal | None:
    """How far the spread still stands above its basis: what waiting can earn."""
    if facts.mid_spread_bps is None or facts.standing_basis_bps is None:
        return None
    return facts.mid_spread_bps - facts.standing_basis_bps
