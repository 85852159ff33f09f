"""Refusals in OKX's own codes (VENUES.md 5 and 8.6, and the venue's error code list)."""

from trading.simulator.orders import Reason, RefusalError
from trading.simulator.wire import VenueError

MESSAGES: dict[Reason, tuple[str, str]] = {
    Reason.UNKNOWN_SYMBOL: ("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    Reason.NOT_TRADING: ("51028", "Contract under delivery."),
    Reason.CLIENT_ID: ("51000", "Parameter clOrdId error"),
    Reason.DUPLICATE_CLIENT_ID: ("51016", "Client order ID already exists."),
    Reason.BELOW_MINIMUM: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.ABOVE_MAXIMUM: ("51202", "Market order amount exceeds the maximum amount."),
    Reason.OFF_LOT: ("51121", "Order quantity must be a multiple of the lot size."),
    Reason.OFF_TICK: ("51000", "Parameter px error"),
    Reason.MIN_NOTIONAL: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.PRICE_TOO_HIGH: ("51137", "Your opening price exceeds the maximum buy price of {}."),
    Reason.PRICE_TOO_LOW: ("51138", "Your opening price is below the minimum sell price of {}."),
    Reason.NO_MARKET: ("51006", "Order price is not within the price limit."),
    Reason.REDUCE_ONLY: (
        "51169",
        "Order failed because you don't have any positions in this direction to reduce or close.",
    ),
    Reason.MARGIN: ("51008", "Order failed. Insufficient USDT margin in account"),
    Reason.POST_ONLY: ("51000", "Parameter ordType error"),
    Reason.TOO_MANY_ORDERS: ("51109", "The number of pending orders exceeds the limit."),
    Reason.POSITION_SIDE: ("51000", "Parameter posSide error"),
    Reason.UNKNOWN_ORDER: ("51603", "Order does not exist"),
    Reason.ALREADY_FILLED: ("51402", "Cancellation failed as the order is already completed."),
    Reason.ALREADY_CANCELED: ("51401", "Cancellation failed as the order is already canceled."),
}


def code_of(refusal: RefusalError, canceling: bool = False) -> tuple[str, str]:
    """sCode and sMsg; a cancel of an unknown order is 51400."""
    if canceling and refusal.reason is Reason.UNKNOWN_ORDER:
        return "51400", "Cancellation failed as the order does not exist."
    code, text = MESSAGES[refusal.reason]
    return code, text.format(refusal.detail)


def refused(refusal: RefusalError) -> VenueError:
    """As the answer to a whole request."""
    return VenueError(200, *code_of(refusal))


def parameter(name: str) -> VenueError:
    return VenueError(400, "51000", f"Parameter {name} error")
