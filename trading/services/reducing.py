"""Reduce-only orders: trim, flatten, exit. They pass HOLD, are journaled, and are never larger than the position."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.db import transaction
from django.db.models import Sum

from propbot.crashpoints import crashpoint
from trading.choices import HEDGE_ENDED, OrderPurpose, PositionSide, TimeInForce
from trading.models import Hedge, Leg, Order
from trading.runtime.handle import TraderRuntime
from trading.services import journal, wire
from trading.services.grids import symbol_grids
from trading.services.resolving import resolve_now
from trading.sizing import Grid, quote_price, round_down
from trading.venues.base import Quote, VenueClient, VenueError, VenuePosition

ZERO = Decimal(0)


@dataclass(frozen=True)
class Reduction:
    """How much of a leg is to go, in base units, and why."""

    leg: Leg
    quantity: Decimal
    purpose: OrderPurpose


@dataclass(frozen=True)
class View:
    """What a venue says right now; None is unread, and never a zero position (law 9)."""

    quote: Quote | None
    position: Decimal | None


async def _quote(client: VenueClient, symbol: str) -> Quote | None:
    try:
        return next(iter(await client.fetch_quotes([symbol])), None)
    except VenueError:
        return None


async def _positions(client: VenueClient) -> list[VenuePosition] | None:
    try:
        return await client.fetch_positions()
    except VenueError:
        return None


async def _view(client: VenueClient, symbol: str, *, simulated: bool) -> View:
    """Quote and position at once. A simulated hedge has no position at the venue."""
    if simulated:
        return View(await _quote(client, symbol), None)
    quote, positions = await asyncio.gather(_quote(client, symbol), _positions(client))
    held = None if positions is None else sum((p.quantity for p in positions if p.symbol == symbol), ZERO)
    return View(quote, held)


def _within_position(reduction: Reduction, view: View, others: Decimal, *, simulated: bool) -> Decimal:
    """Never larger than what the venue says is held in the leg's direction, less what other hedges hold of it: there
    reduce-only protects nobody, for the venue nets them. An unread position leaves it to reduce-only, which cannot pass
    through zero."""
    wanted: Decimal = min(reduction.quantity, reduction.leg.quantity)
    if simulated or view.position is None:
        return wanted
    held = view.position if reduction.leg.position_side == PositionSide.LONG else -view.position
    return min(wanted, max(held - others, ZERO))


def _held_by_others(hedge: Hedge) -> dict[tuple[str, str], Decimal]:
    """(venue, position side) -> base units of the same symbol that other real hedges hold by our books."""
    rows = (
        Leg.objects.filter(symbol=hedge.symbol, quantity__gt=0, hedge__simulated=False)
        .exclude(hedge=hedge)
        .exclude(hedge__status__in=HEDGE_ENDED)
        .values_list("venue", "position_side")
        .annotate(Sum("quantity"))
    )
    return {(venue, side): quantity for venue, side, quantity in rows}


def _draft(
    reduction: Reduction, view: View, others: Decimal, grid: Grid, bps: Decimal | None, *, simulated: bool
) -> journal.OrderDraft | None:
    quantity = round_down(_within_position(reduction, view, others, simulated=simulated), grid.lot_size)
    if grid.max_quantity is not None:
        quantity = min(quantity, round_down(grid.max_quantity, grid.lot_size))
    if quantity <= 0:
        return None
    draft = journal.OrderDraft(reduction.leg, reduction.purpose, "F", quantity, None, TimeInForce.IOC)
    if bps is None or view.quote is None:
        return draft
    price = quote_price(view.quote, draft.side_word, bps, grid.tick_size)
    return journal.OrderDraft(reduction.leg, reduction.purpose, "F", quantity, price, TimeInForce.IOC)


def _plan(hedge: Hedge, drafts: Sequence[journal.OrderDraft], epoch: int) -> list[Order]:
    first = journal.next_attempt(hedge, "F")
    return [
        journal.order_plan(hedge, draft, epoch=epoch, attempt=first + offset) for offset, draft in enumerate(drafts)
    ]


def reduce_round(
    *, runtime: TraderRuntime, hedge: Hedge, reductions: Sequence[Reduction], bps: Decimal | None
) -> list[Order]:
    """One order per leg, all at once: IOC ``bps`` through the touch, or market when None or without a quote.

    Answers the orders sent, their outcomes stored; none when there is nothing to reduce. Raises RefusedError only
    when this trader was succeeded.
    """
    wanted = [reduction for reduction in reductions if reduction.quantity > 0]
    if not wanted:
        return []
    grids = symbol_grids(hedge.symbol)
    # Our books before the venues' word: what another hedge gives back in between only makes this order smaller.
    others = _held_by_others(hedge)
    views = _views(runtime, hedge, wanted)
    drafts = [
        _draft(
            item,
            view,
            others.get((item.leg.venue, item.leg.position_side), ZERO),
            grids[item.leg.venue],
            bps,
            simulated=hedge.simulated,
        )
        for item, view in zip(wanted, views, strict=True)
    ]
    orders = _send(runtime, hedge, [draft for draft in drafts if draft is not None])
    resolve_now(runtime=runtime, orders=orders)
    for item in wanted:
        item.leg.refresh_from_db()
    return orders


def _views(runtime: TraderRuntime, hedge: Hedge, wanted: Sequence[Reduction]) -> list[View]:
    return runtime.gather(
        *(
            _view(runtime.client(item.leg.venue, simulated=hedge.simulated), hedge.symbol, simulated=hedge.simulated)
            for item in wanted
        )
    )


def _send(runtime: TraderRuntime, hedge: Hedge, drafts: Sequence[journal.OrderDraft]) -> list[Order]:
    if not drafts:
        return []
    journal.acquire_slots(runtime, [draft.leg.venue for draft in drafts], simulated=hedge.simulated)
    tickets = journal.mark_reducing(runtime=runtime, prepare=partial(_plan, hedge, drafts, runtime.epoch))
    answers = wire.transmit(runtime, tickets)
    exiting = drafts[0].purpose == OrderPurpose.EXIT
    crashpoint("exit_sent" if exiting else "flatten_sent")
    with transaction.atomic(durable=True):
        wire.answers_store(answers)
    return [ticket.order for ticket in tickets]
