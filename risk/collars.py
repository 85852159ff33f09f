"""Price collars (RTS 6 article 15): no leg of an entry may be priced far from its own venue's mark. Pure.

The outlier rule compares venues with each other; this one catches the tick that is wrong on all of them, and a limit
price that something has computed wrongly. Prices in USDT; the collar is ``OUTLIER_BPS`` of the mark, on both sides.
"""

from collections.abc import Mapping
from decimal import Decimal

from risk.intents import OrderIntent

BPS = Decimal(10_000)


def distance_bps(price: Decimal, mark: Decimal) -> Decimal:
    return abs(price - mark) / mark * BPS


def leg_problem(side: str, venue: str, price: Decimal | None, mark: Decimal | None, collar_bps: Decimal) -> str:
    """Why this leg may not be priced so, or empty. A mark that is not known refuses (law 9)."""
    if price is None:
        return f"the {side} leg has no limit price"
    if mark is None or not (mark > 0):
        return f"price collar: no fresh mark of {venue}"
    away = distance_bps(price, mark)
    if away <= collar_bps:
        return ""
    return (
        f"price collar: {side} limit {price} on {venue} is {away:.0f} bps from its mark {mark}, more than {collar_bps}"
    )


def collar_problem(intent: OrderIntent, marks: Mapping[str, Decimal], collar_bps: Decimal) -> str:
    """The first leg outside its collar, in words; empty when both are inside. ``marks``: by venue, fresh ones only."""
    legs = (
        ("long", intent.long_venue, intent.long_limit_price),
        ("short", intent.short_venue, intent.short_limit_price),
    )
    found = (leg_problem(side, venue, price, marks.get(venue), collar_bps) for side, venue, price in legs)
    return next((problem for problem in found if problem), "")
