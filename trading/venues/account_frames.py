"""Frames of the venues' private streams, read as strictly as REST rows: what has become of an order, and its fill. Pure.

Binance tells in its own short names (ORDER_TRADE_UPDATE), OKX in the words of its order rows (channel ``orders``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.venues import parsing
from trading.venues.base import VenueFill, VenueOrder
from trading.venues.dialect import Dialect, Listing, Listings

BINANCE_NAMES = {
    "clientOrderId": "c", "orderId": "i", "status": "X", "side": "S", "origQty": "q", "executedQty": "z",
    "avgPrice": "ap", "price": "p", "reduceOnly": "R", "updateTime": "T",
}  # fmt: skip
USDT = "USDT"


@dataclass(frozen=True)
class OrderNews:
    """An order as it stands after the event. ``fill`` is the trade that caused it, where it was one whose fee is in
    USDT; any other is left to the venue's list of trades, which knows what the fee is worth."""

    order: VenueOrder
    fill: VenueFill | None = None


NewsReader = Callable[[object, Dialect, Listings], Sequence[OrderNews]]


def read_binance(message: object, dialect: Dialect, listings: Listings) -> Sequence[OrderNews]:
    if not isinstance(message, dict) or message.get("e") != "ORDER_TRADE_UPDATE":
        return ()
    told = parsing.row(message.get("o"))
    listing = listings.of_row(told.get("s"))
    if listing is None:
        return ()
    order = dialect.order({name: told.get(short) for name, short in BINANCE_NAMES.items()}, listing)
    return (OrderNews(order, _binance_fill(told, order) if told.get("x") == "TRADE" else None),)


def _binance_fill(told: parsing.Row, order: VenueOrder) -> VenueFill | None:
    if told.get("N") != USDT:
        return None
    trade = told.get("t")
    if not isinstance(trade, int) or isinstance(trade, bool) or trade <= 0:
        raise parsing.FieldError("t is not an id")
    return VenueFill(
        trade_id=str(trade),
        venue_order_id=order.venue_order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=parsing.positive(told, "l"),
        price=parsing.positive(told, "L"),
        fee_usdt=parsing.number(told, "n"),
        is_maker=parsing.flag(told, "m"),
        filled_at=parsing.moment(told, "T"),
    )


def read_okx(message: object, dialect: Dialect, listings: Listings) -> Sequence[OrderNews]:
    if not isinstance(message, dict) or not isinstance(message.get("arg"), dict) or "data" not in message:
        return ()
    if message["arg"].get("channel") != "orders":
        return ()
    found = []
    for told in parsing.rows(message["data"]):
        listing = listings.of_row(told.get("instId"))
        if listing is not None:
            order = dialect.order(told, listing)
            found.append(OrderNews(order, _okx_fill(told, order, listing)))
    return found


def _okx_fill(told: parsing.Row, order: VenueOrder, listing: Listing) -> VenueFill | None:
    """OKX writes a paid fee as a negative number; a row without a trade has an empty tradeId."""
    if not told.get("tradeId") or (told.get("fillFeeCcy") or USDT) != USDT:
        return None
    fee: Decimal = parsing.number(told, "fillFee")
    return VenueFill(
        trade_id=parsing.text(told, "tradeId"),
        venue_order_id=order.venue_order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=parsing.positive(told, "fillSz") * listing.contract_size,
        price=parsing.positive(told, "fillPx"),
        fee_usdt=-fee,
        is_maker=told.get("execType") == "M",
        filled_at=parsing.moment(told, "fillTime"),
    )


READERS: dict[str, NewsReader] = {"binance": read_binance, "okx": read_okx}


def is_confirmation(message: object) -> bool:
    """OKX's word that it has taken the subscription: orders before it are not told."""
    if not isinstance(message, dict) or message.get("event") != "subscribe":
        return False
    argument = message.get("arg")
    return isinstance(argument, dict) and argument.get("channel") == "orders"


def is_of_account(message: object) -> bool:
    """News of orders, positions and balances; the rest (logins, confirmations, expiries) keeps the stream alive."""
    if not isinstance(message, dict):
        return False
    argument = message.get("arg")
    told_by_okx = isinstance(argument, dict) and argument.get("channel") == "orders" and "data" in message
    return told_by_okx or message.get("e") in ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE")
