"""The post-only first leg: it quotes, and is canceled when nobody took it in time."""

import asyncio
from dataclasses import replace

import structlog
from django.db import transaction

from propbot.clock import utc_now
from propbot.crashpoints import crashpoint
from propbot.errors import RefusedError
from risk.services.runaway import runaway_check
from trading.choices import OrderStatus
from trading.models import Order
from trading.runtime.handle import TraderRuntime
from trading.services.resolving import Look, looks_store, resolve_now, time_divisor, unproven_among
from trading.services.transitions import order_note
from trading.venues.base import VenueClient, VenueError, VenueOrder, VenueOrderStatus

log = structlog.get_logger(__name__)
REST_SECONDS = 5.0
LOOK_SECONDS = 0.25


async def _watch(client: VenueClient, order: Order, seconds: float) -> VenueOrder | None:
    """Look until it has ended or the time is over; the last look is the answer."""
    seen: VenueOrder | None = None
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            seen = await client.fetch_order(order.symbol, order.client_order_id) or seen
        except VenueError:
            continue
        if seen is not None and seen.status != VenueOrderStatus.OPEN:
            break
    return seen


def rest_until_filled(*, runtime: TraderRuntime, order: Order) -> None:
    """Wait for the quote's fill; on timeout cancel it and take what it has got. Whatever stays unproven is resolved."""
    if order.status == OrderStatus.OPEN:
        crashpoint("quote_resting")
        client = runtime.client(order.venue, simulated=order.simulated)
        seen = runtime.run(_watch(client, order, REST_SECONDS / time_divisor()))
        if seen is None or seen.status == VenueOrderStatus.OPEN:
            order_cancel(runtime=runtime, order=order, reason="quote_timeout")
        else:
            looks_store([Look(order, seen, answered=True)])
    if unproven_among([order]):
        resolve_now(runtime=runtime, orders=[order])


def order_cancel(*, runtime: TraderRuntime, order: Order, reason: str) -> None:
    """Cancel one order and read its end. The cancel's own answer proves nothing: a fill may have won (B13)."""
    cancels_count(1)
    with transaction.atomic(durable=True):
        Order.objects.filter(pk=order.pk).update(cancel_requested_at=utc_now())
        order_note(order=order, old=order.status, reason=f"cancel:{reason}")
    client = runtime.client(order.venue, simulated=order.simulated)
    crashpoint("cancel_sending")
    runtime.run(client.cancel(order.symbol, order.client_order_id))
    crashpoint("cancel_sent")
    look = runtime.run(_look_once(client, order))
    looks_store([replace(look, not_found=0)])


def cancels_count(planned: int) -> None:
    """The runaway guard of cancels: beyond its limit it engages HOLD, and the cancel is sent all the same (SPEC 7)."""
    try:
        runaway_check(kind="cancel", planned=planned)
    except RefusedError as refused:
        log.error("cancel_beyond_limit", code=refused.code)


async def _look_once(client: VenueClient, order: Order) -> Look:
    try:
        seen = await client.fetch_order(order.symbol, order.client_order_id)
    except VenueError:
        return Look(order, None, answered=False)
    return Look(order, seen, answered=True)
