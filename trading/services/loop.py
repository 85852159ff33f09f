"""The loop: in RUN, every POLL_INTERVAL_SEC, sample the governor and plan ORDER_NOTIONAL_USDT of the loop's pair.

The plan is always shown as ``last_plan``; it is opened only with auto-hedge on, through the same function as execute.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from audit.context import Actor, acting_as
from propbot.errors import RefusedError
from risk.choices import DeskMode
from risk.desk import ControlSnapshot
from risk.registry import DEFAULT_STRATEGY
from risk.selectors import control_read, desk_read
from risk.services.governor import governor_sample, throttle_read
from trading import candidates
from trading.candidates import Candidate
from trading.choices import HEDGE_ENDED, AttemptKind
from trading.entry_types import EntryRequest
from trading.jsonable import jsonable
from trading.models import Hedge, TaskState
from trading.runtime.handle import trader
from trading.selectors import market as market_reads
from trading.services import entry_plan
from trading.services.auto_hedge import INITIATOR as AUTO_HEDGE_INITIATOR
from trading.services.auto_hedge import entry_run
from trading.services.requote import quotes_read
from trading.services.scanning import Found, automatic_notional, blocked_reason, leverage_suggestion
from trading.services.single import LOOP_LOCK, only_one
from trading.services.task_state import LOOP, task_state_note
from trading.venues.registry import venue_ids

INITIATOR = "loop"
ACTOR = Actor(name=INITIATOR, channel="system")
DEFAULT_PAIR = "BTCUSDT"
JITTER_SECONDS = 0.2


def loop_step(*, now: datetime) -> dict[str, Any] | None:
    """The plan of this step, or None when it is not due or the desk is not in RUN."""
    with only_one(LOOP_LOCK) as alone, acting_as(ACTOR):
        if not alone or trader().standby or not due(now):
            return None
        if desk_read().mode != DeskMode.RUN:
            return None
        governor_sample(now=now)
        return _plan_and_open(now)


def due(now: datetime) -> bool:
    """The interval is a control setting: beat ticks every second, this decides."""
    state = TaskState.objects.filter(name=LOOP).first()
    interval = float(control_read().poll_interval_sec * throttle_read().interval_factor)
    return state is None or (now - state.ran_at).total_seconds() >= interval - JITTER_SECONDS


def loop_symbol(control: ControlSnapshot) -> str | None:
    """LOOP_PAIR, else the strategies' default: BTCUSDT where it is allowed, else the first allowed symbol."""
    if control.loop_pair:
        return control.loop_pair
    allowed = market_reads.allowed_symbols()
    return DEFAULT_PAIR if DEFAULT_PAIR in allowed else next(iter(allowed), None)


def _plan_and_open(now: datetime) -> dict[str, Any]:
    control = control_read()
    control = replace(control, order_notional_usdt=automatic_notional(control))
    symbol = loop_symbol(control)
    if symbol is None:
        plan: dict[str, Any] = {"symbol": None, "viable": False, "reason": "no_symbol_allowed"}
    else:
        plan = plan_for(symbol, control.loop_venues or venue_ids(), control)
    plan = {**plan, "ts": now, "auto_hedge_enabled": control.auto_hedge_enabled, "executed": None}
    if plan["viable"] and control.auto_hedge_enabled and not _held(plan):
        plan["executed"] = entry_run(_request(plan, control)).result
    shown: dict[str, Any] = jsonable(plan)
    task_state_note(name=LOOP, now=now, details=shown)
    return shown


def plan_for(symbol: str, venues: Sequence[str], control: ControlSnapshot) -> dict[str, Any]:
    """What the loop would open now, and why it is not viable."""
    read = quotes_read([symbol], venues)
    market = market_reads.market(read.quotes, read.verdicts, [symbol])
    terms = market_reads.terms(
        notional_usdt=control.order_notional_usdt, max_slippage_bps=control.max_slippage_bps, now=read.now
    )
    pairs = [pair for pair in market.pairs(symbol) if {pair[0].venue, pair[1].venue} <= set(venues)]
    found = [candidates.evaluate(market, symbol, *pair, terms) for pair in pairs]
    best = max(found, key=candidates.rank, default=None)
    if best is None:
        error: RefusedError = entry_plan.no_quotes(symbol, read)
        return {"symbol": symbol, "viable": False, "reason": error.code}
    return _described(best, control)


def _described(best: Candidate, control: ControlSnapshot) -> dict[str, Any]:
    reason = blocked_reason(Found(DEFAULT_STRATEGY, best), control)
    return {
        "symbol": best.symbol,
        "long_venue": best.gross.long_venue,
        "short_venue": best.gross.short_venue,
        "notional_usdt": control.order_notional_usdt,
        "spread": best.gross.spread,
        "spread_bps": best.gross.spread_bps,
        "net_edge_bps": best.net_edge_bps,
        "costs": best.costs.parts(),
        "viable": not reason,
        "reason": reason or None,
    }


def _held(plan: dict[str, Any]) -> bool:
    held = Hedge.objects.filter(
        symbol=plan["symbol"], long_venue=plan["long_venue"], initiator__in=(INITIATOR, AUTO_HEDGE_INITIATOR)
    )
    return held.exclude(status__in=HEDGE_ENDED).exists()


def _request(plan: dict[str, Any], control: ControlSnapshot) -> EntryRequest:
    return EntryRequest(
        kind=AttemptKind.LOOP,
        symbol=plan["symbol"],
        notional_usdt=control.order_notional_usdt,
        leverage=leverage_suggestion(),
        strategy=DEFAULT_STRATEGY,
        min_net_edge_bps=control.min_spread_bps,
        long_venue=plan["long_venue"],
        short_venue=plan["short_venue"],
        initiator=INITIATOR,
    )
