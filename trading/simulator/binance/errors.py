"""Refusals in Binance USD-M's own codes (VENUES.md 5 and 8.6, and the venue's error code list)."""

from trading.simulator.orders import Reason, RefusalError
from trading.simulator.wire import VenueError

MESSAGES: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.NOT_TRADING: (-4140, "Invalid symbol status for opening position."),
    Reason.CLIENT_ID: (-1100, "Illegal characters found in parameter 'newClientOrderId'; legal range is '{}'."),
    Reason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.BELOW_MINIMUM: (-4004, "Quantity less than min quantity."),
    Reason.ABOVE_MAXIMUM: (-4005, "Quantity greater than max quantity."),
    Reason.OFF_LOT: (-1111, "Precision is over the maximum defined for this asset."),
    Reason.OFF_TICK: (-4014, "Price not increased by tick size."),
    Reason.MIN_NOTIONAL: (-4164, "Order's notional must be no smaller than {} (unless you choose reduce only)."),
    Reason.PRICE_TOO_HIGH: (-4016, "Limit price can't be higher than {}."),
    Reason.PRICE_TOO_LOW: (-4024, "Limit price can't be lower than {}."),
    Reason.NO_MARKET: (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    Reason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Reason.MARGIN: (-2019, "Margin is insufficient."),
    Reason.POST_ONLY: (-5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."),
    Reason.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
    Reason.POSITION_SIDE: (-4061, "Order's position side does not match user's setting."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.ALREADY_FILLED: (-2011, "Unknown order sent."),
    Reason.ALREADY_CANCELED: (-2011, "Unknown order sent."),
}


def refused(refusal: RefusalError, canceling: bool = False) -> VenueError:
    """The venue's answer to a refused request; a cancel names every unknown order -2011."""
    code, text = MESSAGES[refusal.reason]
    if canceling and refusal.reason is Reason.UNKNOWN_ORDER:
        code, text = -2011, "Unknown order sent."
    return VenueError(400, code, text.format(refusal.detail))


def missing(name: str) -> VenueError:
    return VenueError(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> VenueError:
    return VenueError(400, -1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str) -> VenueError:
    return VenueError(400, -1100, f"Illegal characters found in parameter '{name}'.")
