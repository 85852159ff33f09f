"""Carrying out the orphan-leg policy: one conclusion for the opening call, the sweep and the restart."""

from decimal import Decimal
from functools import partial

from django.conf import settings
from django.db import transaction

from audit.services import alert, audited
from propbot.clock import utc_now
from propbot.crashpoints import crashpoint
from propbot.errors import RefusedError
from risk.selectors import control_read
from risk.services.hold import hold_engage_unless_held
from risk.services.reservations import reservation_end
from trading.choices import (
    HEDGE_ENDED,
    HedgeStatus,
    OrderPurpose,
    OrderStatus,
    PositionSide,
)
from trading.models import Hedge, Leg, Order
from trading.orphan import Decision, Step, decide
from trading.runtime.handle import TraderRuntime
from trading.services import journal, wire
from trading.services.orphan_facts import Conclusion, deadline_seconds, facts_of, legs_of, missing_leg, orphaned_since
from trading.services.outcomes import orders_unproven
from trading.services.quarantine import symbol_block
from trading.services.reducing import Reduction, reduce_round
from trading.services.resolving import resolve_now
from trading.services.transitions import hedge_move, hedge_move_reducing
from trading.sizing import BPS, Side, common_lot, quote_price, round_down

ZERO = Decimal(0)
MAX_STEPS = 12


def hedge_conclude(*, runtime: TraderRuntime, hedge: Hedge, may_open: bool) -> Hedge:
    """Bring a hedge that was meant to open to what its legs allow. The caller holds the hedge's lock.

    ``may_open`` permits re-hedges: only the opening call itself and an operator's ``complete`` say True.
    """
    run = Conclusion(runtime, hedge, may_open)
    for _ in range(MAX_STEPS):
        legs = legs_of(hedge)
        decision = decide(facts_of(run, legs))
        if not _act(run, legs, decision):
            return hedge
    if hedge.status == HedgeStatus.OPENING:
        _quarantine(run, legs_of(hedge), Decision(Step.WAIT, "steps_exhausted"))
    return hedge


def _act(run: Conclusion, legs: tuple[Leg, Leg], decision: Decision) -> bool:
    """Carry out one step; True when the legs may have changed and the policy is to look again."""
    match decision.step:
        case Step.MATCHED:
            return _settle_open(run, legs)
        case Step.EMPTY:
            return _settle_empty(run)
        case Step.WAIT:
            return _quarantine(run, legs, decision)
        case Step.REHEDGE:
            return _rehedge(run, legs, decision)
        case Step.REDUCE:
            return _reduce(run, legs, decision)
        case Step.KEEP:
            return _keep_partial(run, legs, decision.reason)
        case Step.PAGE:
            return _page(run, legs, decision.reason)


def entry_spread_bps(long: Leg, short: Leg) -> Decimal | None:
    if not long.entry_price or not short.entry_price:
        return None
    spread: Decimal = (short.entry_price - long.entry_price) / long.entry_price * BPS
    return spread.quantize(Decimal("0.000001"))


def _settle_open(run: Conclusion, legs: tuple[Leg, Leg]) -> bool:
    """Both legs hold the same: the hedge is open and its reservation becomes exposure, in one transaction."""
    hedge, (long, short) = run.hedge, legs
    if hedge.status == HedgeStatus.OPEN:
        return False
    quantity = min(long.quantity, short.quantity)
    crashpoint("pre_complete")
    with audited():
        hedge_move(
            hedge=hedge,
            to=HedgeStatus.OPEN,
            reason="both_filled",
            quantity=quantity,
            notional_usdt=quantity * (long.entry_price or ZERO) or hedge.notional_usdt,
            entry_long_price=long.entry_price,
            entry_short_price=short.entry_price,
            entry_spread_bps=entry_spread_bps(long, short),
            opened_at=hedge.opened_at or utc_now(),
            orphaned_at=None,
        )
        reservation_end(hedge_id=hedge.pk, converted=True)
    residue = abs(long.quantity - short.quantity)
    severity = "warning" if residue else "info"
    _tell(hedge, "hedge_open", severity, f"{hedge.symbol} hedge open, {quantity:f} base, residue {residue:f}")
    return False


def _last_refusal(hedge: Hedge) -> str:
    order = Order.objects.filter(hedge=hedge).exclude(outcome_code="").order_by("-id").first()
    return order.outcome_code if order else "nothing_filled"


def _settle_empty(run: Conclusion) -> bool:
    """Nothing is held and nothing can come any more."""
    hedge = run.hedge
    if hedge.status in HEDGE_ENDED:
        return False
    entered = Leg.objects.filter(hedge=hedge, entered_quantity__gt=0).exists()
    reason = "flattened" if entered else _last_refusal(hedge)
    hedge_move_reducing(
        hedge=hedge,
        to=HedgeStatus.FAILED,
        reason=reason,
        also=partial(reservation_end, hedge_id=hedge.pk),
        failure_reason=reason[:64],
        quantity=ZERO,
        closed_at=utc_now(),
    )
    severity = "warning" if entered else "info"
    _tell(hedge, "hedge_failed", severity, f"{hedge.symbol} hedge failed: {reason}")
    return False


def _quarantine(run: Conclusion, legs: tuple[Leg, Leg], decision: Decision) -> bool:
    """No proof: the budget stays reserved, nothing new for the symbol, the resolver goes on asking."""
    hedge = run.hedge
    if hedge.status in (HedgeStatus.OPENING, HedgeStatus.PARTIAL):
        hedge_move_reducing(hedge=hedge, to=HedgeStatus.UNRESOLVED, reason=decision.reason)
        symbol_block(hedge.symbol, f"hedge {hedge.pk} is unresolved", simulated=hedge.simulated)
        _tell(hedge, "hedge_unresolved", "warning", f"{hedge.symbol} hedge is unresolved: {decision.reason}")
    return False


def _rehedge_order(run: Conclusion, leg: Leg, wanted: Decimal) -> Order | None:
    """The missing leg once more, at a fresh quote; None when it cannot be sized or priced."""
    quote = run.quotes.get(leg.venue)
    grids = run.grids
    lot = common_lot(grids[run.hedge.long_venue].lot_size, grids[run.hedge.short_venue].lot_size)
    quantity = round_down(wanted, lot)
    if quote is None or quantity < grids[leg.venue].min_quantity or quantity <= 0:
        return None
    sent = Order.objects.filter(leg=leg).exclude(status=OrderStatus.DENIED)
    purpose = OrderPurpose.REHEDGE if sent.exists() else OrderPurpose.ENTRY
    first = run.hedge.decision.get("first_leg") == leg.position_side
    letter = "A" if first else "B"
    side: Side = "buy" if leg.position_side == PositionSide.LONG else "sell"
    price = quote_price(quote, side, control_read().max_slippage_bps, grids[leg.venue].tick_size)
    draft = journal.OrderDraft(leg, purpose, letter, quantity, price)
    attempt = journal.next_attempt(run.hedge, letter)
    return journal.order_plan(run.hedge, draft, epoch=run.runtime.epoch, attempt=attempt)


def _rehedge(run: Conclusion, legs: tuple[Leg, Leg], decision: Decision) -> bool:
    """Open the missing leg; whatever stands in the way (HOLD first of all) ends re-hedging for this run."""
    leg = missing_leg(legs)
    wanted = decision.long + decision.short
    journal.acquire_slots(run.runtime, [leg.venue], simulated=run.hedge.simulated)
    orders: list[Order] = []

    def prepare() -> list[Order]:
        order = _rehedge_order(run, leg, wanted)
        if order is None:
            raise RefusedError("unsized", "the missing leg cannot be sized", status=400)
        orders.append(order)
        return orders

    try:
        tickets = journal.mark_opening(runtime=run.runtime, quotes=run.quotes.values(), prepare=prepare)
    except RefusedError:
        run.may_open = False
        return True
    answers = wire.transmit(run.runtime, tickets)
    crashpoint("leg_b_sent")
    with transaction.atomic(durable=True):
        wire.answers_store(answers)
    resolve_now(runtime=run.runtime, orders=orders)
    run.quotes.clear()
    return True


def exit_step(number: int) -> Decimal | None:
    """The ladder's distance for the n-th reduction, then None: market."""
    ladder = settings.PROPBOT.decimals("EXIT_LADDER_BPS")
    return ladder[number] if number < len(ladder) else None


def _reduce(run: Conclusion, legs: tuple[Leg, Leg], decision: Decision) -> bool:
    """Reduce-only, one step of the ladder farther each time. Past the deadline: HOLD and alarm, and on with it."""
    long, short = legs
    trims = decision.reason == "trim"
    purpose = OrderPurpose.TRIM if trims else OrderPurpose.FLATTEN
    wanted = [Reduction(long, decision.long, purpose), Reduction(short, decision.short, purpose)]
    orders = reduce_round(runtime=run.runtime, hedge=run.hedge, reductions=wanted, bps=exit_step(run.reductions))
    run.reductions += 1
    late = (utc_now() - orphaned_since(run.hedge)).total_seconds() >= deadline_seconds()
    filled = any(order.filled_quantity > 0 for order in orders)
    if late and not filled:
        return _not_flat(run, legs_of(run.hedge))
    if run.reductions > len(settings.PROPBOT.decimals("EXIT_LADDER_BPS")) + 1:
        return _quarantine(run, legs, Decision(Step.WAIT, "not_flat"))
    return True


def _not_flat(run: Conclusion, legs: tuple[Leg, Leg]) -> bool:
    _page(run, legs, "not_flat")
    return False


def _keep_partial(run: Conclusion, legs: tuple[Leg, Leg], reason: str) -> bool:
    """What is held stays, as a visible and alarmed exposure; the reservation becomes exposure."""
    hedge, (long, short) = run.hedge, legs
    if hedge.status == HedgeStatus.PARTIAL:
        return False
    hedge_move_reducing(
        hedge=hedge,
        to=HedgeStatus.PARTIAL,
        reason=reason,
        also=partial(reservation_end, hedge_id=hedge.pk, converted=True),
        failure_reason=reason[:64],
        quantity=min(long.quantity, short.quantity),
        entry_long_price=long.entry_price,
        entry_short_price=short.entry_price,
        opened_at=hedge.opened_at or utc_now(),
    )
    text = f"OUTSTANDING RISK: {hedge.symbol} long {long.quantity:f}, short {short.quantity:f} ({reason})"
    _tell(hedge, "hedge_partial", "critical", text)
    return False


def _page(run: Conclusion, legs: tuple[Leg, Leg], reason: str) -> bool:
    """HOLD and an alarm, once per hedge; a simulated hedge alarms and stops nobody."""
    hedge = run.hedge
    unproven = Order.objects.filter(orders_unproven(), hedge=hedge).exists()
    if unproven:
        _quarantine(run, legs, Decision(Step.WAIT, reason))
    else:
        _keep_partial(run, legs, reason)
    if hedge.timings.get("paged"):
        return False
    hedge.timings = {**hedge.timings, "paged": reason}
    Hedge.objects.filter(pk=hedge.pk).update(timings=hedge.timings)
    _tell(hedge, "hedge_orphan", "critical", f"{hedge.symbol} is not neutral after {deadline_seconds():g} s: {reason}")
    if not hedge.simulated:
        hold_engage_unless_held(reason=f"hedge {hedge.pk} of {hedge.symbol}: {reason}", source="orphan_policy")
    return False


def _tell(hedge: Hedge, kind: str, severity: str, text: str) -> None:
    alert(
        kind=kind,
        severity=severity,
        text=text,
        extra={"hedge": str(hedge.pk), "symbol": hedge.symbol, "status": str(hedge.status)},
        simulated=hedge.simulated,
    )
