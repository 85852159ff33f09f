"""What a hedge's realized PnL is made of, in USDT, against what its entry decision expected. Pure, Decimal only.

Invariant: the parts add up to the realized figure exactly; the spread captured is what the others leave of it. Signs:
positive earned, negative paid. What the decision's quotes do not tell is None, and stays inside the spread (law 9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from trading.ledger_math import stored

ZERO = Decimal(0)
BPS = Decimal(10_000)
REFERENCE = {"long": "ask", "short": "bid"}


@dataclass(frozen=True)
class LegTrade:
    """One leg's averages over its fills: base units and USDT. ``reference`` is the touch that the decision saw on the
    side that the entry takes; None when it was not kept."""

    position_side: str
    exited: Decimal
    entry_price: Decimal | None
    fees_usdt: Decimal
    reference: Decimal | None


@dataclass(frozen=True)
class Attribution:
    """``slippage_usdt`` is the first leg's fill against the decision's quote, ``leg_delay_usdt`` the second leg's,
    which moved while the first was under way; both of the quantity that has left. ``expected_usdt`` is the decision's
    net edge on the entered notional."""

    spread_captured_usdt: Decimal
    slippage_usdt: Decimal | None
    leg_delay_usdt: Decimal | None
    fees_usdt: Decimal
    funding_usdt: Decimal
    realized_usdt: Decimal
    expected_usdt: Decimal | None
    difference_usdt: Decimal | None

    def parts(self) -> tuple[Decimal, ...]:
        """What adds up to ``realized_usdt``; an unknown part is inside the spread."""
        moved = (self.slippage_usdt or ZERO, self.leg_delay_usdt or ZERO)
        return (self.spread_captured_usdt, *moved, self.fees_usdt, self.funding_usdt)


def reference_price(decision: Mapping[str, object], venue: str, position_side: str) -> Decimal | None:
    """The ask that a long, or the bid that a short entry met in the decision's stored quotes; None when absent."""
    quotes = decision.get("quotes")
    quote = quotes.get(venue) if isinstance(quotes, Mapping) else None
    text = quote.get(REFERENCE[position_side]) if isinstance(quote, Mapping) else None
    try:
        price = Decimal(text) if isinstance(text, str) else None
    except InvalidOperation:
        return None
    return price if price is not None and price.is_finite() and price > 0 else None


def entry_move(leg: LegTrade) -> Decimal | None:
    """What the entry's price gained or lost against its reference, on what has left; None when either is unknown."""
    if not leg.exited:
        return ZERO
    if leg.entry_price is None or leg.reference is None:
        return None
    better = leg.reference - leg.entry_price if leg.position_side == "long" else leg.entry_price - leg.reference
    return stored(better * leg.exited)


def attribute(
    *,
    legs: Sequence[LegTrade],
    first_leg: str,
    funding_usdt: Decimal,
    realized_usdt: Decimal,
    expected_bps: Decimal | None,
    notional_usdt: Decimal,
) -> Attribution:
    """Split ``realized_usdt`` (price gains less fees plus funding, see ``ledger_math.realized``) into its parts."""
    moves = {leg.position_side: entry_move(leg) for leg in legs}
    second = "short" if first_leg == "long" else "long"
    slippage, delay = moves.get(first_leg), moves.get(second)
    fees = -sum((leg.fees_usdt for leg in legs), ZERO)
    spread = realized_usdt - fees - funding_usdt - (slippage or ZERO) - (delay or ZERO)
    expected = None if expected_bps is None else stored(expected_bps * notional_usdt / BPS)
    return Attribution(
        spread_captured_usdt=spread,
        slippage_usdt=slippage,
        leg_delay_usdt=delay,
        fees_usdt=fees,
        funding_usdt=funding_usdt,
        realized_usdt=realized_usdt,
        expected_usdt=expected,
        difference_usdt=None if expected is None else realized_usdt - expected,
    )
