"""The ledger: fills booked by trade id, fees, funding, and every figure that derives from them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from propbot.clock import utc_now
from trading.ledger_math import FillFact, LegFigures, leg_figures, realized, stored
from trading.models import Fill, FundingPayment, Hedge, Instrument, Leg, Order
from trading.runtime.handle import TraderRuntime
from trading.services.daily_pnl import daily_pnl_book
from trading.services.outcomes import leg_refresh
from trading.venues.base import VenueClient, VenueError, VenueFill

ZERO = Decimal(0)
BPS = Decimal(10_000)
SWEEP_AT_ONCE = 50


async def _fetch(client: VenueClient, orders: Sequence[Order]) -> list[VenueFill] | None:
    since = min(order.sending_at or order.created_at for order in orders) - timedelta(seconds=1)
    try:
        return await client.fetch_fills(orders[0].symbol, since)
    except VenueError:
        return None


def hedge_book(*, runtime: TraderRuntime, hedge: Hedge) -> None:
    """Book what the venues tell of this hedge's fills, and its figures. What cannot be read waits for the sweep."""
    orders = list(Order.objects.filter(hedge=hedge, filled_quantity__gt=0, fills_booked=False))
    by_venue: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        by_venue[order.venue].append(order)
    groups = list(by_venue.items())
    answers = runtime.gather(
        *(_fetch(runtime.client(venue, simulated=hedge.simulated), group) for venue, group in groups)
    )
    with transaction.atomic(durable=True):
        for (_, group), fills in zip(groups, answers, strict=True):
            if fills is not None:
                fills_book(orders=group, fills=fills)
        hedge_refresh(hedge_id=hedge.pk)
    hedge.refresh_from_db()


def fills_sweep(*, runtime: TraderRuntime) -> int:
    """Fills that were not to be had when their order ended."""
    hedges = Hedge.objects.filter(
        pk__in=Order.objects.filter(fills_booked=False, filled_quantity__gt=0).values("hedge_id")[:SWEEP_AT_ONCE]
    )
    for hedge in hedges:
        hedge_book(runtime=runtime, hedge=hedge)
    return len(hedges)


def fills_book(*, orders: Sequence[Order], fills: Iterable[VenueFill]) -> None:
    """Inside the caller's transaction: each trade once, whatever comes twice or out of order (RELIABILITY B14)."""
    by_client = {order.client_order_id: order for order in orders}
    by_venue_id = {order.venue_order_id: order for order in orders if order.venue_order_id}
    rows = []
    for fill in fills:
        order = by_client.get(fill.client_order_id) or by_venue_id.get(fill.venue_order_id)
        if order is not None:
            rows.append(_fill_row(order, fill))
    Fill.objects.bulk_create(rows, ignore_conflicts=True)
    for order in orders:
        _settle_booking(order)


def _fill_row(order: Order, fill: VenueFill) -> Fill:
    return Fill(
        order=order,
        hedge_id=order.hedge_id,
        venue=order.venue,
        symbol=order.symbol,
        trade_id=fill.trade_id,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        fee_usdt=fill.fee_usdt,
        is_maker=fill.is_maker,
        simulated=order.simulated,
        filled_at=fill.filled_at,
        booked_at=utc_now(),
    )


def _settle_booking(order: Order) -> None:
    booked = Fill.objects.filter(order=order).aggregate(total=Sum("quantity"))["total"] or ZERO
    if order.simulated and booked < order.filled_quantity:
        # The paper broker lives in the process: after a restart the order row is all that tells of its fill.
        booked += _book_from_order(order, order.filled_quantity - booked)
    if booked > order.filled_quantity:
        # The trades know more than the last look at the order: they are the truth, the leg follows.
        Order.objects.filter(pk=order.pk).update(filled_quantity=min(booked, order.quantity))
        leg_refresh(leg_id=order.leg_id)
    if booked >= order.filled_quantity:
        Order.objects.filter(pk=order.pk).update(fills_booked=True)
        order.fills_booked = True


def _book_from_order(order: Order, quantity: Decimal) -> Decimal:
    instrument = Instrument.objects.filter(venue=order.venue, symbol=order.symbol).first()
    if order.average_price is None or instrument is None or instrument.taker_fee_bps is None:
        return ZERO
    fee = quantity * order.average_price * instrument.taker_fee_bps / BPS
    Fill.objects.create(
        order=order,
        hedge_id=order.hedge_id,
        venue=order.venue,
        symbol=order.symbol,
        trade_id=f"{order.client_order_id}-order",
        side=order.side,
        quantity=quantity,
        price=order.average_price,
        fee_usdt=stored(fee),
        simulated=True,
        filled_at=order.ended_at or utc_now(),
        booked_at=utc_now(),
    )
    return quantity


def _fact(fill: Fill) -> FillFact:
    return FillFact(fill.side, fill.quantity, fill.price, fill.fee_usdt)


def leg_facts(hedge_id: UUID) -> dict[int, list[FillFact]]:
    """Leg id -> its fills, from the ledger."""
    facts: dict[int, list[FillFact]] = defaultdict(list)
    for fill in Fill.objects.filter(hedge_id=hedge_id).select_related("order"):
        facts[fill.order.leg_id].append(_fact(fill))
    return facts


def funding_of(hedge_id: UUID) -> Decimal:
    return FundingPayment.objects.filter(hedge_id=hedge_id).aggregate(total=Sum("amount_usdt"))["total"] or ZERO


def leg_figures_of(hedge_id: UUID) -> dict[int, LegFigures]:
    facts = leg_facts(hedge_id)
    legs = Leg.objects.filter(hedge_id=hedge_id)
    return {leg.pk: leg_figures(leg.position_side, facts.get(leg.pk, [])) for leg in legs}


def hedge_refresh(*, hedge_id: UUID) -> Decimal:
    """Fees per leg and the hedge's realized PnL from the ledger, inside the caller's transaction; what has moved is
    booked to the day. Answers the realized figure, in USDT."""
    hedge = Hedge.objects.select_for_update().get(pk=hedge_id)
    figures = leg_figures_of(hedge_id)
    for leg_id, leg in figures.items():
        Leg.objects.filter(pk=leg_id).update(fees_usdt=stored(leg.fees_usdt))
    now_realized = stored(realized(figures.values(), funding_of(hedge_id)))
    before = hedge.realized_pnl_usdt or ZERO
    if hedge.realized_pnl_usdt is None or now_realized != before:
        Hedge.objects.filter(pk=hedge_id).update(realized_pnl_usdt=now_realized)
        daily_pnl_book(strategy=hedge.strategy, simulated=hedge.simulated, amount=now_realized - before, at=utc_now())
    return now_realized
