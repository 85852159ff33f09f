"""What a venue, or another hand, took from a leg (ADL, liquidation, a trade on the website): booked as what it is.

Two proofs are needed, and each alone is none: the venue holds less than the books say, and its own list of trades has
one that no order of ours made. What only one of them tells stays a difference of the reconciliation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

import structlog
from django.db.models import Q, Sum

from audit.services import alert, audited, record
from propbot.clock import utc_now
from trading.choices import OrderPurpose, OrderSide, OrderStatus, OrderType, PositionSide
from trading.ledger_math import stored
from trading.models import Fill, Hedge, Leg, Order
from trading.runtime.handle import TraderRuntime
from trading.services.outcomes import leg_refresh, orders_unproven
from trading.services.outside import cause_of, strangers
from trading.services.reconciliation import books_positions
from trading.services.transitions import order_note
from trading.venues.base import VenueClient, VenueError, VenueFill, VenuePosition

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
SPLIT = "#"  # parts of one trade that took from several hedges: trade id, this, and the hedge


@dataclass(frozen=True)
class Taking:
    """A part of one outside trade, in base units, and the venue's word for it."""

    fill: VenueFill
    quantity: Decimal
    cause: str


def parts(missing: Decimal, free: Iterable[tuple[VenueFill, Decimal]]) -> list[tuple[VenueFill, Decimal]]:
    """``missing`` base units out of what is ``free`` of each trade, the latest first; never more than either."""
    found = []
    for fill, left in sorted(free, key=lambda pair: pair[0].filled_at, reverse=True):
        part = min(left, missing)
        if part > 0:
            found.append((fill, part))
            missing -= part
    return found


def hedge_takings_book(*, runtime: TraderRuntime, hedge: Hedge) -> int:
    """Book what was taken from the legs of a real hedge; how many trades. Called when a reduction finds nothing to
    reduce: the caller holds the hedge's lock."""
    if hedge.simulated:
        return 0
    return sum(_leg_takings(runtime, hedge, leg) for leg in Leg.objects.filter(hedge=hedge, quantity__gt=0))


def _leg_takings(runtime: TraderRuntime, hedge: Hedge, leg: Leg) -> int:
    if Order.objects.filter(orders_unproven(), venue=leg.venue, symbol=leg.symbol, simulated=False).exists():
        # What is missing may be our own unproven order.
        return 0
    read = runtime.run(_read(runtime.client(leg.venue, simulated=False), hedge))
    if read is None:
        return 0
    positions, fills = read
    missing = min(leg.quantity, _shortfall(leg, positions))
    exits = OrderSide.SELL if leg.position_side == PositionSide.LONG else OrderSide.BUY
    free = [(fill, _free(leg, fill)) for fill in strangers(leg.venue, leg.symbol, fills) if fill.side == exits]
    takings = [Taking(fill, part, cause_of(runtime, leg.venue, fill)) for fill, part in parts(missing, free)]
    if takings:
        _book(hedge, leg, takings, runtime.epoch)
    return len(takings)


async def _read(client: VenueClient, hedge: Hedge) -> tuple[list[VenuePosition], list[VenueFill]] | None:
    try:
        return await client.fetch_positions(), await client.fetch_fills(hedge.symbol, hedge.created_at)
    except VenueError as error:
        log.warning("takings_unread", venue=client.venue, code=error.code)
        return None


def _shortfall(leg: Leg, positions: Sequence[VenuePosition]) -> Decimal:
    """How much less the venue holds in the leg's direction than the books of all hedges say; not below zero."""
    theirs = sum((one.quantity for one in positions if one.symbol == leg.symbol), ZERO)
    ours = books_positions().get((leg.venue, leg.symbol), ZERO)
    return max(ours - theirs if leg.position_side == PositionSide.LONG else theirs - ours, ZERO)


def _free(leg: Leg, fill: VenueFill) -> Decimal:
    """What of an outside trade no leg has borne yet."""
    same = Q(trade_id=fill.trade_id) | Q(trade_id__startswith=f"{fill.trade_id}{SPLIT}")
    booked = Fill.objects.filter(same, venue=leg.venue, symbol=leg.symbol, simulated=False)
    return fill.quantity - (booked.aggregate(total=Sum("quantity"))["total"] or ZERO)


def _book(hedge: Hedge, leg: Leg, takings: Sequence[Taking], epoch: int) -> None:
    total = sum((one.quantity for one in takings), ZERO)
    causes = sorted({one.cause for one in takings})
    details = {
        "venue": leg.venue,
        "symbol": leg.symbol,
        "quantity": str(total),
        "causes": causes,
        "trades": [one.fill.trade_id for one in takings],
    }
    with audited():
        for one in takings:
            _book_one(hedge, leg, one, epoch)
        leg_refresh(leg_id=leg.pk)
        record(action="outside_trade_booked", target=str(hedge.pk), details=details)
    alert(
        kind="leg_taken",
        severity="critical",
        text=f"{total:f} {leg.symbol} of a hedge's {leg.position_side} leg on {leg.venue} went by {', '.join(causes)}",
        extra={"hedge": str(hedge.pk), **details},
    )


def _book_one(hedge: Hedge, leg: Leg, one: Taking, epoch: int) -> None:
    """An order row that nobody of us sent, under a name that no venue ever sees, and its one fill."""
    fill, whole = one.fill, one.quantity == one.fill.quantity
    name = f"{leg.venue}:{fill.trade_id}:{hedge.pk}"
    order = Order.objects.create(
        client_order_id=f"X{sha256(name.encode()).hexdigest()[:31]}",
        hedge=hedge,
        leg=leg,
        venue=leg.venue,
        symbol=leg.symbol,
        purpose=OrderPurpose.OUTSIDE,
        side=fill.side,
        order_type=OrderType.MARKET,
        reduce_only=True,
        simulated=False,
        quantity=one.quantity,
        status=OrderStatus.FILLED,
        filled_quantity=one.quantity,
        average_price=fill.price,
        venue_order_id=fill.venue_order_id,
        outcome_code=one.cause,
        trader_epoch=epoch,
        created_at=utc_now(),
        ended_at=fill.filled_at,
        fills_booked=True,
    )
    order_note(order=order, old="", reason=one.cause, details={"trade": fill.trade_id})
    Fill.objects.create(
        order=order,
        hedge=hedge,
        venue=leg.venue,
        symbol=leg.symbol,
        trade_id=fill.trade_id if whole else f"{fill.trade_id}{SPLIT}{hedge.pk.hex[:12]}",
        side=fill.side,
        quantity=one.quantity,
        price=fill.price,
        fee_usdt=stored(fill.fee_usdt * one.quantity / fill.quantity),
        is_maker=fill.is_maker,
        simulated=False,
        filled_at=fill.filled_at,
        booked_at=utc_now(),
    )
