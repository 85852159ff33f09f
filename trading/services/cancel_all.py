"""Cancel every open order on every venue, ours and others'; then look, and say how many went."""

import asyncio
from dataclasses import dataclass, field

import structlog

from audit.services import alert
from propbot.clock import utc_now
from propbot.crashpoints import crashpoint
from trading.models import Order
from trading.runtime.handle import trader
from trading.venues.base import VenueClient, VenueError, VenueOrder

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CancelReport:
    """``canceled`` per venue; ``left``: client ids (or venue ids) still open; ``unread``: venues that did not answer."""

    canceled: dict[str, int] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.left and not self.unread


@dataclass(frozen=True)
class _VenueCancel:
    venue: str
    canceled: int
    left: list[str]
    unread: bool


def _name(order: VenueOrder) -> str:
    return order.client_order_id or f"venue:{order.venue_order_id}"


async def venue_cancel_all(client: VenueClient) -> _VenueCancel:
    """List, cancel each by its id, list again: only the second list proves anything."""
    try:
        found = await client.fetch_open_orders(None)
        await asyncio.gather(
            *(
                client.cancel(order.symbol, order.client_order_id, venue_order_id=order.venue_order_id)
                for order in found
            )
        )
        crashpoint("cancel_sent")
        left = await client.fetch_open_orders(None) if found else []
    except VenueError as error:
        log.error("cancel_all_unread", venue=client.venue, code=error.code)
        return _VenueCancel(client.venue, 0, [], unread=True)
    return _VenueCancel(client.venue, len(found) - len(left), [_name(order) for order in left], unread=False)


def cancel_everywhere() -> CancelReport:
    """In the trader: passes HOLD and every limit (law 1). Simulated orders are canceled with the real ones."""
    runtime = trader()
    Order.objects.filter(status="open", cancel_requested_at=None).update(cancel_requested_at=utc_now())
    clients = [*runtime.clients.values(), *runtime.paper.values()]
    results = runtime.gather(*(venue_cancel_all(client) for client in clients))
    report = CancelReport()
    for result in results:
        report.canceled[result.venue] = report.canceled.get(result.venue, 0) + result.canceled
        if result.left:
            report.left.setdefault(result.venue, []).extend(result.left)
        if result.unread and result.venue not in report.unread:
            report.unread.append(result.venue)
    Order.objects.filter(status="open").update(next_check_at=utc_now())
    alert(
        kind="cancel_all",
        severity="warning" if report.clean else "critical",
        text=f"cancel-all: {report.canceled} canceled, {report.left or 'nothing'} left, {report.unread or 'all'} "
        + ("venues did not answer" if report.unread else "venues answered"),
        extra={"canceled": report.canceled, "left": report.left, "unread": report.unread},
    )
    return report
