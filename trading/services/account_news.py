"""What the venues' own streams tell of our orders, stored: a source for resolver and ledger beside REST (RELIABILITY S3).

It may come twice, late and out of order (B14): an order only moves forward, and a trade is booked once by its id.
"""

import structlog
from django.db import transaction

from risk.services.hold import hold_engage_unless_held
from trading.models import Order
from trading.runtime.handle import TraderRuntime
from trading.services.ledger import fills_book
from trading.services.outcomes import order_apply
from trading.services.transitions import LostRaceError
from trading.venues.account_frames import OrderNews

log = structlog.get_logger(__name__)


def news_store(*, runtime: TraderRuntime, venue: str, news: OrderNews) -> bool:
    """False while somebody works on the order's hedge: whoever does asks the venue himself. An order that is not ours
    is the reconciliation's subject."""
    order = Order.objects.filter(
        venue=venue, client_order_id=news.order.client_order_id or "-", simulated=False
    ).first()
    if order is None:
        return True
    with runtime.hedge_lock(order.hedge_id) as mine:
        if not mine:
            return False
        order.refresh_from_db()
        try:
            with transaction.atomic(durable=True):
                _apply(order, news)
        except LostRaceError:
            return False
    return True


def _apply(order: Order, news: OrderNews) -> None:
    order_apply(order=order, seen=news.order, reason="user_stream")
    if news.fill is not None:
        fills_book(orders=[order], fills=[news.fill])


def silence_hold(*, venue: str, orders: tuple[str, ...]) -> None:
    """A stream that is open and keeps quiet about proved orders hides whatever else happens there (B15): REST is asked
    on, and nothing new opens until people have looked."""
    log.error("user_stream_silent", venue=venue, orders=list(orders))
    hold_engage_unless_held(
        reason=f"the user stream of {venue} is open and has not told of {', '.join(orders)[:200]}", source="user_stream"
    )
