"""What the orphan-leg policy decides on: the legs, the unproven orders asked now, and what waiting has cost."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import DatabaseError

from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.selectors import desk_read
from trading.choices import HedgeStatus, OrderPurpose, PositionSide
from trading.models import Hedge, Leg, Order
from trading.orphan import OrphanFacts, UnprovenOrder
from trading.runtime.handle import TraderRuntime
from trading.services.grids import symbol_grids
from trading.services.outcomes import orders_unproven
from trading.sizing import BPS, Grid, adverse_bps
from trading.venues.base import Quote, VenueError


@dataclass
class Conclusion:
    """What one run of the policy remembers: how often it reduced, and whether it may still open."""

    runtime: TraderRuntime
    hedge: Hedge
    may_open: bool
    reductions: int = 0
    quotes: dict[str, Quote] = field(default_factory=dict)

    @property
    def grids(self) -> dict[str, Grid]:
        return symbol_grids(self.hedge.symbol)


def legs_of(hedge: Hedge) -> tuple[Leg, Leg]:
    """(long, short), fresh from the rows."""
    by_side = {leg.position_side: leg for leg in Leg.objects.filter(hedge=hedge)}
    return by_side[PositionSide.LONG], by_side[PositionSide.SHORT]


def deadline_seconds() -> float:
    return float(settings.PROPBOT.decimal("ORPHAN_MAX_SEC"))


def facts_of(run: Conclusion, legs: tuple[Leg, Leg]) -> OrphanFacts:
    long, short = legs
    grids = run.grids
    unproven = list(Order.objects.filter(orders_unproven(), hedge=run.hedge))
    uneven = long.quantity != short.quantity
    since = orphaned_since(run.hedge) if uneven else None
    one_sided = uneven and not min(long.quantity, short.quantity)
    return OrphanFacts(
        long_held=long.quantity,
        short_held=short.quantity,
        long_lot=grids[long.venue].lot_size,
        short_lot=grids[short.venue].lot_size,
        unproven=tuple(_unproven(run, order) for order in unproven),
        orphan_seconds=(utc_now() - since).total_seconds() if since else 0.0,
        deadline_seconds=deadline_seconds(),
        flattens=settings.PROPBOT.text("ORPHAN_LEG_POLICY") == "flatten" or run.hedge.status == HedgeStatus.CLOSING,
        may_open=run.may_open and one_sided and not unproven and _desk_opens(),
        rehedges=Order.objects.filter(hedge=run.hedge, purpose=OrderPurpose.REHEDGE).count(),
        rehedge_loss_bps=_rehedge_loss(run, legs) if run.may_open and one_sided and not unproven else None,
        loss_bps=_held_loss(run, legs) if unproven and one_sided else None,
        loss_cap_bps=settings.PROPBOT.decimal("ORPHAN_LOSS_CAP_BPS"),
    )


def _unproven(run: Conclusion, order: Order) -> UnprovenOrder:
    """The venue is asked now: the policy decides on what it says at this moment, not on an older silence."""
    now = utc_now()
    client = run.runtime.client(order.venue, simulated=order.simulated)
    try:
        seen = run.runtime.run(client.fetch_order(order.symbol, order.client_order_id))
    except VenueError:
        return UnprovenOrder(order.leg.position_side, order.reduce_only, answers=False, expired=False, not_found=False)
    expired = order.expires_at is not None and now > order.expires_at
    return UnprovenOrder(
        order.leg.position_side, order.reduce_only, answers=True, expired=expired, not_found=seen is None
    )


def orphaned_since(hedge: Hedge) -> datetime:
    """Since the first fill that was not matched; kept on the row, so that a restart does not begin anew."""
    if hedge.orphaned_at is None:
        filled = Order.objects.filter(hedge=hedge, filled_quantity__gt=0).order_by("sending_at").first()
        hedge.orphaned_at = (filled.answered_at or filled.sending_at if filled else None) or utc_now()
        Hedge.objects.filter(pk=hedge.pk).update(orphaned_at=hedge.orphaned_at)
    return hedge.orphaned_at


def _desk_opens() -> bool:
    """A first look; the journal looks again under the desk's lock. Unreadable means no."""
    try:
        desk = desk_read()
    except (DatabaseError, RefusedError):
        return False
    return not (desk.hold_active or desk.safe_mode or desk.hold_file)


def _quote(run: Conclusion, venue: str, *, simulated: bool) -> Quote | None:
    """A fresh quote from the venue, None when it gives none."""
    client = run.runtime.client(venue, simulated=simulated)
    try:
        found = run.runtime.run(client.fetch_quotes([run.hedge.symbol]))
    except VenueError:
        return None
    if not found:
        return None
    run.quotes[venue] = found[0]
    return found[0]


def missing_leg(legs: tuple[Leg, Leg]) -> Leg:
    long, short = legs
    return short if long.quantity else long


def _rehedge_loss(run: Conclusion, legs: tuple[Leg, Leg]) -> Decimal | None:
    """How much worse than planned the missing leg would now be, in bps; None without a quote or a plan."""
    leg = missing_leg(legs)
    planned = run.hedge.decision.get(f"{leg.position_side}_price")
    quote = _quote(run, leg.venue, simulated=run.hedge.simulated)
    if quote is None or planned is None:
        return None
    buys = leg.position_side == PositionSide.LONG
    return adverse_bps(Decimal(planned), quote.ask if buys else quote.bid, "buy" if buys else "sell")


def _held_loss(run: Conclusion, legs: tuple[Leg, Leg]) -> Decimal | None:
    """What the held leg has lost since its fill, in bps; None without a fresh quote (unknown is not zero)."""
    long, short = legs
    held = long if long.quantity else short
    quote = _quote(run, held.venue, simulated=run.hedge.simulated)
    if quote is None or not held.entry_price:
        return None
    entry: Decimal = held.entry_price
    return ((entry - quote.bid) if held is long else (quote.ask - entry)) / entry * BPS
