"""The margin guard's arm: near liquidation both legs of the hedges on that venue shrink pro rata (SPEC 7)."""

from decimal import Decimal

import structlog

from audit.services import alert, audited, record, spool
from propbot.errors import RecordingFailedError
from risk.margin import MarginDecision
from risk.services.governor import margin_decisions
from trading.choices import HedgeStatus, OrderPurpose
from trading.models import Hedge
from trading.runtime.handle import TraderRuntime
from trading.services.grids import symbol_grids
from trading.services.ledger import hedge_book
from trading.services.orphan_facts import legs_of
from trading.services.orphans import exit_step
from trading.services.reducing import Reduction, reduce_round
from trading.sizing import common_lot, round_up

log = structlog.get_logger(__name__)
ROUNDS = 4


def margin_guard_run(*, runtime: TraderRuntime) -> int:
    """Reduce where risk says so; how many hedges shrank. Runs after each reading of the accounts."""
    return sum(_reduce_venue(runtime, one) for one in margin_decisions() if one.reduce_fraction > 0)


def _reduce_venue(runtime: TraderRuntime, decision: MarginDecision) -> int:
    hedges = Hedge.objects.filter(status__in=[HedgeStatus.OPEN, HedgeStatus.PARTIAL], simulated=False)
    there = [hedge for hedge in hedges if decision.venue in (hedge.long_venue, hedge.short_venue)]
    if there:
        _note(decision, [str(hedge.pk) for hedge in there])
    for hedge in there:
        with runtime.hedge_lock(hedge.pk, timeout=5) as taken:
            if taken:
                hedge_shrink(runtime=runtime, hedge=hedge, fraction=decision.reduce_fraction)
    return len(there)


def _note(decision: MarginDecision, hedges: list[str]) -> None:
    details = {"venue": decision.venue, "fraction": str(decision.reduce_fraction), "hedges": hedges}
    try:
        with audited():
            record(action="margin_reduction", target=decision.venue, details=details)
    except RecordingFailedError:
        spool(action="margin_reduction", target=decision.venue, details=details)
    alert(kind="margin_reduction", severity="critical", text=f"reducing: {decision.text}", extra=details)


def hedge_shrink(*, runtime: TraderRuntime, hedge: Hedge, fraction: Decimal) -> None:
    """Both legs by the same quantity on the common lot, so that the hedge stays neutral; at least one lot."""
    grids = symbol_grids(hedge.symbol)
    lot = common_lot(grids[hedge.long_venue].lot_size, grids[hedge.short_venue].lot_size)
    long, short = legs_of(hedge)
    targets = {leg.pk: max(leg.quantity - round_up(leg.quantity * fraction, lot), Decimal(0)) for leg in (long, short)}
    for number in range(ROUNDS):
        wanted = [
            Reduction(leg, leg.quantity - targets[leg.pk], OrderPurpose.TRIM)
            for leg in legs_of(hedge)
            if leg.quantity > targets[leg.pk]
        ]
        if not wanted or not reduce_round(runtime=runtime, hedge=hedge, reductions=wanted, bps=exit_step(number)):
            break
    hedge_figures_follow(hedge=hedge)
    hedge_book(runtime=runtime, hedge=hedge)


def hedge_figures_follow(*, hedge: Hedge) -> None:
    """The hedge's own quantity and notional after its legs have changed."""
    long, short = legs_of(hedge)
    quantity = min(long.quantity, short.quantity)
    notional = quantity * (long.entry_price or Decimal(0))
    Hedge.objects.filter(pk=hedge.pk).update(quantity=quantity, notional_usdt=notional)
    hedge.quantity, hedge.notional_usdt = quantity, notional
