"""What happened at a venue without us: liquidation, ADL, trades by hand, and orders of ours that came late."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from django.db import transaction

from audit.services import alert
from propbot.clock import utc_now
from trading.choices import HEDGE_ENDED, HedgeStatus, OrderPurpose, OrderStatus
from trading.models import Hedge, Order
from trading.recon_math import Finding, Side
from trading.runtime.handle import TraderRuntime
from trading.services.outcomes import order_apply
from trading.services.transitions import hedge_move_reducing
from trading.venues.base import VenueError, VenueFill

log = structlog.get_logger(__name__)
LOOK_BACK = timedelta(hours=24)
OUTSIDE_TRADE = "outside_trade"
LATE_LOOK_BACK = timedelta(days=3)


def findings_name(*, runtime: TraderRuntime, findings: Sequence[Finding]) -> list[Finding]:
    """Position differences get their cause's name where the venue's fills tell it."""
    return [_name(runtime, one) if one.kind in ("position", "foreign_position") else one for one in findings]


def _name(runtime: TraderRuntime, finding: Finding) -> Finding:
    client = runtime.client(finding.venue, simulated=False)
    try:
        fills = runtime.run(client.fetch_fills(finding.symbol, utc_now() - LOOK_BACK))
    except VenueError as error:
        log.warning("outside_fills_unread", venue=finding.venue, code=error.code)
        return finding
    found = strangers(finding.venue, finding.symbol, fills)
    if not found:
        return finding
    cause = cause_of(runtime, finding.venue, max(found, key=lambda fill: fill.filled_at))
    kind = cause if cause in ("adl", "liquidation") else finding.kind
    return replace(finding, kind=kind, details={"named": cause, "trades": str(len(found))})


def strangers(venue: str, symbol: str, fills: Sequence[VenueFill]) -> list[VenueFill]:
    """The trades that no order of ours made. What was booked as taken from a leg is still a stranger."""
    ours = Order.objects.filter(venue=venue, symbol=symbol, simulated=False).exclude(purpose=OrderPurpose.OUTSIDE)
    by_client = set(
        ours.filter(client_order_id__in=[f.client_order_id for f in fills]).values_list("client_order_id", flat=True)
    )
    by_venue = set(
        ours.filter(venue_order_id__in=[f.venue_order_id for f in fills]).values_list("venue_order_id", flat=True)
    )
    return [f for f in fills if f.client_order_id not in by_client and f.venue_order_id not in by_venue]


def cause_of(runtime: TraderRuntime, venue: str, fill: VenueFill) -> str:
    """adl or liquidation where the venue's own order row says so, else outside_trade: nothing is guessed."""
    client = runtime.client(venue, simulated=False)
    try:
        return runtime.run(client.fetch_cause(fill.symbol, fill.venue_order_id)) or OUTSIDE_TRADE
    except VenueError as error:
        log.warning("outside_cause_unread", venue=venue, code=error.code)
        return OUTSIDE_TRADE


def late_orders_take(*, runtime: TraderRuntime, sides: Sequence[Side]) -> int:
    """Orders that were proved unsent, on venues and symbols where a position stands: ask once more. The position
    wins over our proof, and the hedge is a second orphan (RELIABILITY S6)."""
    taken = 0
    held = {(side.venue, symbol) for side in sides for symbol, quantity in side.positions.items() if quantity}
    suspects = Order.objects.filter(
        status=OrderStatus.NOT_SENT, simulated=False, ended_at__gte=utc_now() - LATE_LOOK_BACK
    )
    for order in suspects.select_related("hedge"):
        if (order.venue, order.symbol) in held:
            taken += _take(runtime, order)
    return taken


def _take(runtime: TraderRuntime, order: Order) -> bool:
    client = runtime.client(order.venue, simulated=False)
    try:
        seen = runtime.run(client.fetch_order(order.symbol, order.client_order_id))
    except VenueError:
        return False
    if seen is None:
        return False
    with transaction.atomic(durable=True):
        order_apply(order=order, seen=seen, reason="came_late")
    hedge = Hedge.objects.get(pk=order.hedge_id)
    if hedge.status in HEDGE_ENDED and seen.filled_quantity > 0:
        hedge_move_reducing(hedge=hedge, to=HedgeStatus.PARTIAL, reason="late_fill", failure_reason="not_flat")
        alert(
            kind="hedge_partial",
            severity="critical",
            text=f"OUTSTANDING RISK: {order.client_order_id} of an ended hedge filled late",
            extra={"hedge": str(hedge.pk), "order": order.client_order_id},
        )
    return True
