"""One way in: execute, confirm, auto-hedge and the loop all pass this order of checks (SPEC 6), cheapest first.

Desk and fencing, request limits, universe and blocks, runaway guard, quotes and spread, edge guard, risk gate; then
the engine reserves, journals and sends. Each refusal has its own code; a skip by risk is an answer, not an error.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from propbot.errors import RefusedError
from risk import looks
from risk.gate import OTHER_RISK, SKIP_REASONS, SKIPPED_BY_RISK, GateDecision
from risk.intents import OrderIntent
from risk.looks import one_look
from risk.selectors import control_read, orders_are_simulated
from risk.services.edge import edge_guard
from risk.services.gate import request_limits_check, risk_gate, skip_record
from risk.services.guard import desk_precheck
from risk.services.runaway import runaway_check
from trading import candidates
from trading.candidates import Candidate, Market
from trading.entry_types import Answer, EntryRequest
from trading.jsonable import jsonable
from trading.models import HedgeAttempt
from trading.runtime.handle import trader
from trading.selectors import desk_checks
from trading.selectors import market as market_reads
from trading.services import entry_plan
from trading.services.execution import hedge_open
from trading.services.last_checks import collar_refusal, duplicate_of
from trading.services.requote import QuoteRead, deepened, quotes_read
from trading.sizing import EntryPlan
from trading.venues.registry import venue_ids

# What the reservation refuses inside the journal transaction is the gate's word, too: 200, skipped.
SKIP_CODES = frozenset(SKIP_REASONS)


class SkippedError(Exception):
    """Risk said no: an answer with HTTP 200, a row and a counter."""

    def __init__(self, decision: GateDecision) -> None:
        super().__init__(decision.detail or decision.reason)
        self.decision = decision


def entry_execute(*, request: EntryRequest, attempt: HedgeAttempt) -> Answer:
    """Runs in the trader. Never raises for a refusal: every outcome is an answer for the caller and the hedge log."""
    candidate: Candidate | None = None
    plan: EntryPlan | None = None
    try:
        with one_look():
            read, market, simulated = entry_precheck(request)
            if repeated := duplicate_of(request, attempt):
                raise _skip(entry_plan.draft_intent(request, simulated=simulated), other_risk(repeated))
            candidate = entry_candidate(request, market, read)
            plan = entry_decide(request, candidate, market, read, simulated=simulated)
            result = hedge_open(plan=plan, attempt=attempt)
    except SkippedError as skipped:
        return skipped_answer(skipped.decision, request, candidate)
    except RefusedError as refused:
        return refused_answer(refused, request, candidate, plan)
    finally:
        looks.forget()  # exposure is no longer what a prepared look says
    return opened_answer(result.answer, plan, hedge_id=str(result.hedge.id))


def entry_precheck(request: EntryRequest) -> tuple[QuoteRead, Market, bool]:
    """Everything before the spread: no intent of a stopped desk costs a quote."""
    epoch = trader().epoch
    desk = desk_precheck(epoch=epoch)
    desk_checks.assert_reconciled(epoch)
    simulated = orders_are_simulated(desk)
    request_limits_check(entry_plan.draft_intent(request, simulated=simulated))
    desk_checks.assert_allowed(request.symbol)
    venues = [venue for venue in (request.long_venue, request.short_venue) if venue] or list(venue_ids())
    desk_checks.assert_not_blocked(request.symbol, venues)
    runaway_check(kind="order")
    read = quotes_read([request.symbol], venues)
    return read, entry_plan.market_of(request, read), simulated


def entry_candidate(request: EntryRequest, market: Market, read: QuoteRead) -> Candidate:
    long, short = entry_plan.chosen_pair(request, market, read)
    long, short = deepened(request.symbol, long, short, request.notional_usdt / long.asks[0][0])
    terms = market_reads.terms(
        notional_usdt=request.notional_usdt,
        max_slippage_bps=control_read().max_slippage_bps,
        now=read.now,
        strategy=request.strategy,
    )
    candidate = candidates.evaluate(market, request.symbol, long, short, terms)
    entry_plan.assert_spread(request, candidate)
    return candidate


def entry_decide(
    request: EntryRequest, candidate: Candidate, market: Market, read: QuoteRead, *, simulated: bool
) -> EntryPlan:
    plan = entry_plan.plan_build(
        request=request, candidate=candidate, market=market, read=read, control=control_read(), simulated=simulated
    )
    return assert_risk(plan)


def assert_risk(plan: EntryPlan) -> EntryPlan:
    """Edge guard, price collars, then gate. What a dry run lets pass is counted as well."""
    edge = edge_guard(intent=plan.intent)
    if not edge.allowed:
        raise _skip(plan.intent, other_risk(edge.reason))
    if outside := collar_refusal(plan):
        raise _skip(plan.intent, other_risk(outside))
    decision = risk_gate(intent=plan.intent, dry_run=plan.simulated)
    if not decision.allowed:
        raise _skip(plan.intent, decision)
    if decision.would_skip:
        skip_record(intent=plan.intent, decision=decision, enforced=False)
    return replace(plan, limits_version=decision.limits_version)


def other_risk(detail: str) -> GateDecision:
    return GateDecision(
        allowed=False, reason=OTHER_RISK, detail=detail, state=SKIPPED_BY_RISK, metric_reason=OTHER_RISK
    )


def _skip(intent: OrderIntent, decision: GateDecision) -> SkippedError:
    skip_record(intent=intent, decision=decision)
    return SkippedError(decision)


def _seen(request: EntryRequest, candidate: Candidate | None) -> dict[str, Any]:
    gross = candidate.gross if candidate else None
    return {
        "symbol": request.symbol,
        "spread": gross.spread if gross else None,
        "spread_bps": gross.spread_bps if gross else None,
        "net_edge_bps": candidate.net_edge_bps if candidate else None,
    }


def skipped_answer(decision: GateDecision, request: EntryRequest, candidate: Candidate | None) -> Answer:
    body = {"success": False, **_seen(request, candidate), **decision.answer()}
    return Answer(200, body, "skipped", decision.reason, spread_bps=body["spread_bps"])


def reservation_decision(refused: RefusedError) -> GateDecision:
    """The decision that the reservation made again under its lock."""
    found = refused.context.get("decision")
    if isinstance(found, GateDecision):
        return found
    return GateDecision(False, refused.code, detail=refused.message, state=SKIPPED_BY_RISK, metric_reason=refused.code)


def refused_answer(
    refused: RefusedError, request: EntryRequest, candidate: Candidate | None, plan: EntryPlan | None = None
) -> Answer:
    if refused.code in SKIP_CODES:
        decision = reservation_decision(refused)
        if plan is not None:
            skip_record(intent=plan.intent, decision=decision)
        return skipped_answer(decision, request, candidate)
    shown: dict[str, Any] = {"error": refused.code, "message": refused.message, **jsonable(refused.context)}
    spread_bps: Decimal | None = candidate.gross.spread_bps if candidate else None
    return Answer(refused.status, {"detail": shown, **shown}, "refused", refused.code, spread_bps=spread_bps)


def opened_answer(body: dict[str, Any], plan: EntryPlan, *, hedge_id: str) -> Answer:
    """What the engine answers, in the words of the hedge log."""
    status = str(body.get("status", ""))
    results = {"open": "opened", "simulated": "opened", "failed": "failed", "unresolved": "unresolved"}
    return Answer(
        202 if status in ("unresolved", "opening") else 200,
        body,
        results.get(status, status),
        str(body.get("reason") or ""),
        hedge_id=hedge_id,
        spread_bps=plan.spread_bps,
        simulated=plan.simulated,
    )
