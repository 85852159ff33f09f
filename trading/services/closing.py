"""Closing: both legs reduce-only at once, down the exit ladder, until nothing is left; never larger, never reopened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog

from audit.services import alert
from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.services.guard import desk_assert_running
from risk.services.hold import hold_engage_unless_held
from risk.services.reservations import reservation_end
from trading.choices import HEDGE_ENDED, HEDGE_EXPOSED, HedgeStatus, OrderPurpose
from trading.models import Hedge, Leg, Order
from trading.runtime.handle import TraderRuntime, trader
from trading.services.answers import hedge_answer
from trading.services.ledger import hedge_book
from trading.services.orphan_facts import deadline_seconds, legs_of
from trading.services.orphans import exit_step, hedge_conclude
from trading.services.outcomes import orders_unproven
from trading.services.reducing import Reduction, reduce_round
from trading.services.resolving import order_resolve
from trading.services.takings import hedge_takings_book
from trading.services.transitions import hedge_move_reducing

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
LOCK_WAIT_SECONDS = 5.0
MAX_ROUNDS = 8


@dataclass(frozen=True)
class CloseResult:
    """The hedge after the call; ``answer`` is the body for the API."""

    hedge: Hedge
    answer: dict[str, object]


def hedge_close(*, hedge_id: UUID, reason: str, kind: str = "close") -> CloseResult:
    """An operator's or a rule's order about one hedge: ``close`` and ``flatten`` end it, ``complete`` opens its
    missing leg (and needs a running desk). Raises RefusedError 404, 409 or, for ``complete``, 423."""
    runtime = trader()
    hedge = Hedge.objects.filter(pk=hedge_id).first()
    if hedge is None:
        raise RefusedError("not_found", f"there is no hedge {hedge_id}", status=404)
    with runtime.hedge_lock(hedge.pk, timeout=LOCK_WAIT_SECONDS) as taken:
        if not taken:
            raise RefusedError("busy", "the hedge is being worked on; ask again", status=409)
        hedge.refresh_from_db()
        if kind == "complete":
            _complete(runtime, hedge)
        else:
            _close(runtime, hedge, reason=reason, at_market=kind == "flatten")
        hedge_book(runtime=runtime, hedge=hedge)
    return CloseResult(hedge, hedge_answer(hedge))


def close_all(*, reason: str) -> list[CloseResult]:
    """Every hedge that holds something, real and simulated; one that cannot be closed does not keep the others."""
    results = []
    for hedge in Hedge.objects.exclude(status__in=HEDGE_ENDED).order_by("created_at"):
        try:
            results.append(hedge_close(hedge_id=hedge.pk, reason=reason))
        except RefusedError as refused:
            log.warning("close_refused", hedge=str(hedge.pk), code=refused.code)
            results.append(CloseResult(hedge, hedge_answer(hedge)))
    return results


def _complete(runtime: TraderRuntime, hedge: Hedge) -> None:
    if hedge.status != HedgeStatus.PARTIAL:
        raise RefusedError(
            "not_partial", f"only a partial hedge can be completed, this one is {hedge.status}", status=409
        )
    desk_assert_running()
    Hedge.objects.filter(pk=hedge.pk).update(orphaned_at=None)
    hedge.orphaned_at = None
    hedge_conclude(runtime=runtime, hedge=hedge, may_open=True)


def _close(runtime: TraderRuntime, hedge: Hedge, *, reason: str, at_market: bool) -> None:
    if hedge.status in HEDGE_ENDED:
        raise RefusedError("already_closed", f"the hedge is {hedge.status}", status=409)
    if hedge.status == HedgeStatus.OPENING:
        raise RefusedError("busy", "the hedge is still opening", status=409)
    if hedge.status == HedgeStatus.UNRESOLVED:
        _flatten_unresolved(runtime, hedge)
        return
    closing_begin(hedge=hedge, reason=reason)
    closing_run(runtime=runtime, hedge=hedge, at_market=at_market)


def _flatten_unresolved(runtime: TraderRuntime, hedge: Hedge) -> None:
    """What is proved to be held goes, on the operator's order; the unproven order stays with the resolver."""
    for number in range(MAX_ROUNDS):
        wanted = _remaining(legs_of(hedge), OrderPurpose.FLATTEN)
        if not wanted or not reduce_round(runtime=runtime, hedge=hedge, reductions=wanted, bps=exit_step(number)):
            break
    hedge_conclude(runtime=runtime, hedge=hedge, may_open=False)


def closing_begin(*, hedge: Hedge, reason: str) -> None:
    if hedge.status == HedgeStatus.CLOSING:
        return
    hedge_move_reducing(
        hedge=hedge, to=HedgeStatus.CLOSING, reason=reason, close_reason=reason[:64], closing_at=utc_now()
    )


def _remaining(legs: Sequence[Leg], purpose: OrderPurpose) -> list[Reduction]:
    return [Reduction(leg, leg.quantity, purpose) for leg in legs if leg.quantity > 0]


def closing_run(*, runtime: TraderRuntime, hedge: Hedge, at_market: bool = False) -> None:
    """Rounds down the ladder until flat. What is unproven, or fills nothing, waits for the sweep; the deadline
    turns it into a partial hedge, HOLD and an alarm, and the sweep goes on reducing."""
    for number in range(MAX_ROUNDS):
        _settle_unproven(runtime, hedge)
        legs = legs_of(hedge)
        wanted = _unblocked(hedge, _remaining(legs, OrderPurpose.EXIT))
        if not any(leg.quantity for leg in legs):
            _end_booked(runtime, hedge)
            return
        if not wanted:
            break
        step = None if at_market else exit_step(number)
        orders = reduce_round(runtime=runtime, hedge=hedge, reductions=wanted, bps=step)
        if not orders and not hedge_takings_book(runtime=runtime, hedge=hedge):
            # The venue holds nothing to reduce, and tells of no trade that took it: the sweep looks again.
            break
        if orders and step is None and not any(order.filled_quantity for order in orders):
            break
    else:
        _settle_unproven(runtime, hedge)
    if not any(leg.quantity for leg in legs_of(hedge)):
        _end_booked(runtime, hedge)
    else:
        _deadline(hedge)


def _settle_unproven(runtime: TraderRuntime, hedge: Hedge) -> None:
    """One round of questions about each order whose end is not known."""
    for order in Order.objects.filter(orders_unproven(), hedge=hedge):
        order_resolve(runtime=runtime, order=order)


def _unblocked(hedge: Hedge, wanted: list[Reduction]) -> list[Reduction]:
    """A leg with an unproven order takes no second one until the first must have been refused by its expiry and the
    venue does not know it (RELIABILITY S6: repeat after query; reduce-only cannot pass through zero)."""
    now = utc_now()
    blocked = {
        order.leg_id
        for order in Order.objects.filter(orders_unproven(), hedge=hedge)
        if order.expires_at is None or now < order.expires_at + timedelta(seconds=0.5) or not order.not_found_answers
    }
    return [reduction for reduction in wanted if reduction.leg.pk not in blocked]


def _end_booked(runtime: TraderRuntime, hedge: Hedge) -> None:
    """Fills first, then the status: who reads ``closed`` reads the realized PnL of both exits, not of none."""
    hedge_book(runtime=runtime, hedge=hedge)
    closing_end(hedge=hedge)


def closing_end(*, hedge: Hedge) -> None:
    if hedge.status in HEDGE_ENDED:
        return
    if Order.objects.filter(orders_unproven(), hedge=hedge).exists():
        return
    hedge_move_reducing(
        hedge=hedge,
        to=HedgeStatus.CLOSED,
        reason=hedge.close_reason,
        also=lambda: reservation_end(hedge_id=hedge.pk),
        quantity=ZERO,
        closed_at=utc_now(),
    )
    alert(
        kind="hedge_closed",
        severity="info",
        text=f"{hedge.symbol} hedge closed: {hedge.close_reason}",
        extra={"hedge": str(hedge.pk), "reason": hedge.close_reason},
        simulated=hedge.simulated,
    )


def _deadline(hedge: Hedge) -> None:
    """Not flat ORPHAN_MAX_SEC after the closing began: partial, HOLD, alarm (SPEC 6)."""
    began = hedge.closing_at or utc_now()
    if hedge.status != HedgeStatus.CLOSING or (utc_now() - began).total_seconds() < deadline_seconds():
        return
    long, short = legs_of(hedge)
    hedge_move_reducing(
        hedge=hedge,
        to=HedgeStatus.PARTIAL,
        reason="exit_not_flat",
        failure_reason="exit_not_flat",
        quantity=min(long.quantity, short.quantity),
    )
    text = f"OUTSTANDING RISK: {hedge.symbol} did not close, long {long.quantity:f}, short {short.quantity:f}"
    alert(
        kind="hedge_partial",
        severity="critical",
        text=text,
        extra={"hedge": str(hedge.pk), "long": str(long.quantity), "short": str(short.quantity)},
        simulated=hedge.simulated,
    )
    if not hedge.simulated:
        hold_engage_unless_held(reason=f"hedge {hedge.pk} of {hedge.symbol} did not close", source="closing")


def closing_continue() -> int:
    """The sweep: hedges that are closing, and those whose closing or flattening did not end, once more each."""
    runtime = trader()
    unfinished = ("exit_not_flat", "not_flat")
    hedges = list(Hedge.objects.filter(status=HedgeStatus.CLOSING))
    hedges += list(Hedge.objects.filter(status=HedgeStatus.PARTIAL, failure_reason__in=unfinished))
    for hedge in hedges:
        with runtime.hedge_lock(hedge.pk) as taken:
            if taken:
                hedge.refresh_from_db()
                _continue(runtime, hedge)
    return len(hedges)


def _continue(runtime: TraderRuntime, hedge: Hedge) -> None:
    if hedge.status not in HEDGE_EXPOSED:
        return
    if hedge.status == HedgeStatus.PARTIAL and hedge.failure_reason == "not_flat":
        hedge_conclude(runtime=runtime, hedge=hedge, may_open=False)
    else:
        # A partial one stays visible as such until it is flat: the closing goes on without a new status.
        closing_run(runtime=runtime, hedge=hedge)
    hedge_book(runtime=runtime, hedge=hedge)
