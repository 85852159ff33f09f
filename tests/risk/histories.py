"""Random histories of hedges, written as the engine writes them: orders and fills, then the ledger's own refresh.

Beside the rows stands the plain list of what happened: the brute force of the tests reads nothing else.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from risk.models import Reservation
from trading.models import Fill, FundingPayment, Hedge, Leg, Order
from trading.services import ledger
from trading.services.outcomes import leg_refresh

D = Decimal
VENUES = ("binance-um", "okx-perp")
SYMBOLS = ("BTCUSDT", "ETHUSDT")
STRATEGIES = ("cross_exchange_arb", "funding_rate_arb")
BEGAN = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)

prices = st.decimals("0.01", "90000", places=2)
quantities = st.decimals("0.001", "5", places=3)
fees = st.decimals("-1", "20", places=4)  # a maker's rebate is a negative fee
amounts = st.decimals("-500", "500", places=4)
steps = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from(("long", "short")), quantities, prices, fees),
    st.tuples(st.just("exit"), st.sampled_from(("long", "short")), st.integers(1, 100), prices, fees),
    st.tuples(st.just("funding"), amounts),
)
hedges = st.builds(
    dict,
    symbol=st.sampled_from(SYMBOLS),
    strategy=st.sampled_from(STRATEGIES),
    turned=st.booleans(),
    simulated=st.sampled_from((False, False, True)),
    status=st.sampled_from(("open", "partial", "closing", "opening", "unresolved", "closed")),
    reserved=st.booleans(),
)
# Which hedge, how many hours later, and what happens to it.
events = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30), steps), min_size=1, max_size=14)


@dataclass
class Side:
    """One leg as its fills tell it, exact."""

    venue: str
    sign: int
    entered: Fraction = Fraction(0)
    entry_value: Fraction = Fraction(0)
    exits: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    fees: Fraction = Fraction(0)

    @property
    def price(self) -> Fraction:
        return self.entry_value / self.entered if self.entered else Fraction(0)

    @property
    def held(self) -> Fraction:
        return self.entered - sum((quantity for quantity, _ in self.exits), Fraction(0))

    @property
    def realized(self) -> Fraction:
        """Average cost: what left is booked against the average of everything that entered."""
        return sum((self.sign * (price - self.price) * quantity for quantity, price in self.exits), -self.fees)


@dataclass
class Told:
    """One hedge: its row, and what happened to it."""

    row: Hedge
    legs: dict[str, Leg]
    sides: dict[str, Side]
    funding: Fraction = Fraction(0)
    reserved: bool = False

    @property
    def exposed(self) -> bool:
        """What is in flight counts by its reservation while that is held, and by what it holds once that has ended."""
        if self.row.status in ("opening", "unresolved"):
            return not self.reserved and any(side.held for side in self.sides.values())
        return self.row.status in ("open", "partial", "closing")

    @property
    def realized(self) -> Fraction:
        return sum((side.realized for side in self.sides.values()), self.funding)


class History:
    """Writes the rows; ``realized`` keeps every strategy's total after every step, with its day."""

    def __init__(self, plans: list[dict[str, Any]]) -> None:
        self.now, self.number = BEGAN, 0
        self.told = [self._hedge(plan) for plan in plans]
        self.realized: dict[tuple[str, bool], list[tuple[datetime, Fraction]]] = {}

    def _hedge(self, plan: dict[str, Any]) -> Told:
        long, short = reversed(VENUES) if plan["turned"] else VENUES
        row = Hedge.objects.create(
            symbol=plan["symbol"], strategy=plan["strategy"], long_venue=long, short_venue=short,
            status="open", simulated=plan["simulated"], planned_quantity=D(1), notional_usdt=D(100),
            initiator="history", trader_epoch=1, hold_id=1, created_at=self.now,
        )  # fmt: skip
        venues = {"long": long, "short": short}
        legs = {
            name: Leg.objects.create(hedge=row, position_side=name, venue=venue, symbol=row.symbol)
            for name, venue in venues.items()
        }
        return Told(row, legs, {name: Side(venue, 1 if name == "long" else -1) for name, venue in venues.items()})

    def play(self, chosen: int, hours: int, step: tuple[Any, ...]) -> None:
        told = self.told[chosen % len(self.told)]
        self.now += timedelta(hours=hours)
        if step[0] == "funding":
            self._funding(told, step[1])
        else:
            self._trade(told, *step)
        with patch.object(ledger, "utc_now", lambda: self.now):
            ledger.hedge_refresh(hedge_id=told.row.pk)
        key = (told.row.strategy, told.row.simulated)
        total = sum((one.realized for one in self.told if (one.row.strategy, one.row.simulated) == key), Fraction(0))
        self.realized.setdefault(key, []).append((self.now, total))

    def _funding(self, told: Told, amount: Decimal) -> None:
        self.number += 1
        FundingPayment.objects.create(
            venue=told.row.long_venue, symbol=told.row.symbol, hedge=told.row, amount_usdt=amount,
            reference=f"f{self.number}", simulated=told.row.simulated, settled_at=self.now, booked_at=self.now,
        )  # fmt: skip
        told.funding += Fraction(amount)

    def _trade(self, told: Told, kind: str, name: str, size: Any, price: Decimal, fee: Decimal) -> None:
        side, leg, entering = told.sides[name], told.legs[name], kind == "enter"
        if entering:
            quantity = D(size)
        else:
            held = D(side.held.numerator) / D(side.held.denominator)
            quantity = (held * size / 100).quantize(D("0.001"))
        if not quantity:
            return
        self._rows(told, leg, quantity, price, fee, entering=entering)
        side.fees += Fraction(fee)
        if entering:
            side.entered, side.entry_value = (
                side.entered + Fraction(quantity),
                side.entry_value + Fraction(quantity) * Fraction(price),
            )
        else:
            side.exits.append((Fraction(quantity), Fraction(price)))

    def _rows(self, told: Told, leg: Leg, quantity: Decimal, price: Decimal, fee: Decimal, *, entering: bool) -> None:
        """One filled order and its trade, as the resolver and the ledger store them."""
        self.number += 1
        bought = (leg.position_side == "long") == entering
        common = {"venue": leg.venue, "symbol": leg.symbol, "side": "buy" if bought else "sell", "quantity": quantity}
        order = Order.objects.create(
            **common, client_order_id=f"H{self.number}", hedge=told.row, leg=leg, order_type="limit",
            purpose="entry" if entering else "exit", reduce_only=not entering, simulated=told.row.simulated,
            limit_price=price, status="filled", filled_quantity=quantity, average_price=price, trader_epoch=1,
            created_at=self.now, sending_at=self.now, ended_at=self.now, fills_booked=True,
        )  # fmt: skip
        Fill.objects.create(
            **common, order=order, hedge=told.row, trade_id=f"t{self.number}", price=price, fee_usdt=fee,
            simulated=told.row.simulated, filled_at=self.now, booked_at=self.now,
        )  # fmt: skip
        leg_refresh(leg_id=leg.pk)

    def end(self, plans: list[dict[str, Any]]) -> None:
        """Every hedge ends as it was drawn to; only a flat one may be closed."""
        for told, plan in zip(self.told, plans, strict=True):
            flat = not any(side.held for side in told.sides.values())
            told.row.status = plan["status"] if plan["status"] != "closed" or flat else "open"
            Hedge.objects.filter(pk=told.row.pk).update(status=told.row.status)
            told.reserved = plan["reserved"]
            Reservation.objects.create(
                hedge_id=told.row.pk, strategy=told.row.strategy, symbol=told.row.symbol, notional_usdt=D(100),
                long_venue=told.row.long_venue, short_venue=told.row.short_venue, simulated=told.row.simulated,
                limits_version=1, created_at=self.now, status="held" if told.reserved else "converted",
            )  # fmt: skip
