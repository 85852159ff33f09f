"""What an order asks for, why a venue refuses one, and the arithmetic of matching it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from trading.simulator.instruments import Instrument
from trading.simulator.ladder import Level


class Reason(Enum):
    """Why something was refused; each protocol has its own code and text for it."""

    UNKNOWN_SYMBOL = auto()
    NOT_TRADING = auto()
    CLIENT_ID = auto()
    DUPLICATE_CLIENT_ID = auto()
    BELOW_MINIMUM = auto()
    ABOVE_MAXIMUM = auto()
    OFF_LOT = auto()
    OFF_TICK = auto()
    MIN_NOTIONAL = auto()
    PRICE_TOO_HIGH = auto()
    PRICE_TOO_LOW = auto()
    NO_MARKET = auto()
    REDUCE_ONLY = auto()
    MARGIN = auto()
    POST_ONLY = auto()
    TOO_MANY_ORDERS = auto()
    POSITION_SIDE = auto()
    UNKNOWN_ORDER = auto()
    ALREADY_FILLED = auto()
    ALREADY_CANCELED = auto()


class RefusalError(Exception):
    """The venue says no, definitely: nothing was placed or changed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.name} {detail}".strip())
        self.reason, self.detail = reason, detail


@dataclass
class NewOrder:
    """An order as it arrived, in base units and USDT."""

    symbol: str
    side: str
    kind: str
    time_in_force: str
    venue_type: str
    quantity: Decimal
    price: Decimal | None
    client_id: str
    reduce_only: bool = False
    fraction: Decimal | None = None  # fault "partial": at most this share fills at once

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1


def acceptable(level: Level, sign: int, limit_ticks: int | None) -> bool:
    return limit_ticks is None or (level[0] - limit_ticks) * sign <= 0


def plan_fills(levels: list[Level], sign: int, limit_ticks: int | None, lots: int) -> list[Level]:
    """What an order of so many lots takes from the opposite side, best price first, within its limit."""
    fills: list[Level] = []
    for level in levels:
        if lots <= 0 or not acceptable(level, sign, limit_ticks):
            break
        taken = min(lots, level[1])
        fills.append((level[0], taken))
        lots -= taken
    return fills


def limit_ticks(order: NewOrder, instrument: Instrument) -> int | None:
    """A limit between two ticks is refused earlier; None for market orders."""
    return None if order.price is None else instrument.ticks(order.price)


def check_quantity(order: NewOrder, instrument: Instrument) -> None:
    """The grid and the limits of one order's size."""
    if order.quantity < instrument.minimum:
        raise RefusalError(Reason.BELOW_MINIMUM, str(instrument.to_venue(instrument.minimum)))
    if order.quantity % instrument.lot:
        raise RefusalError(Reason.OFF_LOT, str(instrument.venue_lot))
    largest = instrument.max_market if order.kind == "market" else instrument.max_limit
    if order.quantity > largest:
        raise RefusalError(Reason.ABOVE_MAXIMUM, str(instrument.to_venue(largest)))


BAND = Decimal("0.05")


def check_price(order: NewOrder, instrument: Instrument, mark: Decimal) -> None:
    """The tick grid, and the 5 % band around the mark that both venues keep (PERCENT_PRICE; price limit)."""
    if order.price is None:
        return
    if order.price <= 0 or order.price % instrument.tick:
        raise RefusalError(Reason.OFF_TICK, str(instrument.tick))
    highest, lowest = mark * (1 + BAND), mark * (1 - BAND)
    if order.side == "buy" and order.price > highest:
        raise RefusalError(Reason.PRICE_TOO_HIGH, str(instrument.price(instrument.ticks(highest))))
    if order.side == "sell" and order.price < lowest:
        raise RefusalError(Reason.PRICE_TOO_LOW, str(instrument.price(instrument.ticks(lowest))))


def check_notional(order: NewOrder, instrument: Instrument, reference: Decimal) -> None:
    """Binance's minimum notional; reduce-only orders are exempt."""
    notional = order.quantity * (order.price or reference)
    if not order.reduce_only and notional < instrument.min_notional:
        raise RefusalError(Reason.MIN_NOTIONAL, str(instrument.min_notional))
