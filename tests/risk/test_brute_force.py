"""Exposure, PnL and drawdown against a plain recomputation from the fills, over random histories."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propbot.clock import utc_now
from tests.risk.histories import SYMBOLS, VENUES, History, Told, events, hedges, prices
from trading.quotes import board
from trading.services.exposure import exposure_snapshot, pnl_figures
from trading.services.rebuild import differences
from trading.venues.base import Mark

pytestmark = pytest.mark.django_db
ROUNDING = Fraction(1, 10**12)  # the columns keep 18 places; sums of dozens of them stay far below this
marks_drawn = st.fixed_dictionaries({(venue, symbol): prices for venue in VENUES for symbol in SYMBOLS})
random_history = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def played(plans: list[dict[str, Any]], story: list[Any]) -> History:
    history = History(plans)
    for event in story:
        history.play(*event)
    history.end(plans)
    return history


def undone(check: Callable[[], None]) -> None:
    """Each example begins with an empty ledger."""
    with transaction.atomic():
        check()
        transaction.set_rollback(True)


def near(found: Decimal | None, brute: Fraction) -> None:
    assert found is not None
    assert abs(Fraction(found) - brute) < ROUNDING, (found, float(brute))


def notional(told: Told) -> Fraction:
    return max(side.held * side.price for side in told.sides.values())


def total(values: Iterable[Fraction]) -> Fraction:
    return sum(values, Fraction(0))


@random_history
@given(st.lists(hedges, min_size=1, max_size=5), events)
def test_exposure_is_what_the_fills_leave_held(plans: list[dict[str, Any]], story: list[Any]) -> None:
    def check() -> None:
        history = played(plans, story)
        for simulated in (False, True):
            found = exposure_snapshot(simulated=simulated)
            own = [told for told in history.told if told.row.simulated is simulated]
            open_now = [told for told in own if told.exposed]
            assert found.open_hedges == len(open_now)
            assert found.partial_hedges == sum(told.row.status == "partial" for told in own)
            assert found.unresolved_hedges == sum(told.row.status == "unresolved" for told in own)
            near(found.total_notional_usdt, total(map(notional, open_now)))
            for symbol in SYMBOLS:
                of = total(notional(told) for told in open_now if told.row.symbol == symbol)
                near(found.per_symbol.get(symbol, Decimal(0)), of)
            for venue in VENUES:
                sides = [side for told in open_now for side in told.sides.values() if side.venue == venue]
                near(found.per_venue.get(venue, Decimal(0)), total(side.held * side.price for side in sides))
            for name, one in found.per_strategy.items():
                mine = [told for told in open_now if told.row.strategy == name]
                near(one.open_notional_usdt, total(map(notional, mine)))
                assert one.open_hedges == len(mine)

    undone(check)


@random_history
@given(st.lists(hedges, min_size=1, max_size=5), events, marks_drawn)
def test_unrealized_is_the_held_quantity_at_the_mark(
    plans: list[dict[str, Any]], story: list[Any], marks: dict[tuple[str, str], Decimal]
) -> None:
    def check() -> None:
        history, now = played(plans, story), utc_now()
        board().put_marks([Mark(venue, symbol, price, now, now) for (venue, symbol), price in marks.items()])
        for simulated in (False, True):
            alive = [t for t in history.told if t.row.simulated is simulated and t.row.status != "closed"]
            brute = total(
                side.sign * (Fraction(marks[side.venue, told.row.symbol]) - side.price) * side.held
                for told in alive
                for side in told.sides.values()
            )
            near(pnl_figures(now, simulated=simulated).unrealized_usdt, brute)

    undone(check)


@random_history
@given(st.lists(hedges, min_size=1, max_size=5), events)
def test_realized_by_day_week_and_total_and_the_drawdown_follow_from_the_fills(
    plans: list[dict[str, Any]], story: list[Any]
) -> None:
    def check() -> None:
        history = played(plans, story)
        today = history.now.date()
        for (strategy, simulated), moments in history.realized.items():
            found = pnl_figures(history.now, simulated=simulated).per_strategy.get(strategy)
            if found is None:
                assert all(after == 0 for _, after in moments)
                continue
            before, peak, fall, by_day = Fraction(0), Fraction(0), Fraction(0), dict[Any, Fraction]()
            for at, after in moments:
                by_day[at.date()] = by_day.get(at.date(), Fraction(0)) + after - before
                before, peak = after, max(peak, after)
                fall = max(fall, peak - after)
            near(found.realized_total_usdt, before)
            near(found.realized_today_usdt, by_day.get(today, Fraction(0)))
            near(found.realized_7d_usdt, total(part for day, part in by_day.items() if (today - day).days < 7))
            near(found.max_drawdown_usdt, fall)
        assert [text for text in differences() if "closed and its fills" not in text] == []

    undone(check)


def test_a_leg_whose_price_the_venue_has_not_told_counts_and_leaves_the_worth_unknown() -> None:
    """Unknown is not zero (law 9): it counts at the other leg's price, or at what was planned."""
    plans = [
        {"symbol": "BTCUSDT", "strategy": "cross_exchange_arb", "turned": False, "simulated": False, "status": "open"}
    ]
    history = History(plans)
    history.play(0, 0, ("enter", "long", Decimal(2), Decimal(50), Decimal(0)))
    history.play(0, 0, ("enter", "short", Decimal(2), Decimal(51), Decimal(0)))
    legs = history.told[0].legs
    legs["long"].__class__.objects.filter(pk=legs["long"].pk).update(entry_price=None)
    assert exposure_snapshot().per_venue == {VENUES[0]: Decimal(102), VENUES[1]: Decimal(102)}
    legs["long"].__class__.objects.filter(hedge=history.told[0].row).update(entry_price=None)
    found = exposure_snapshot()
    assert found.total_notional_usdt == Decimal(200)  # two at the planned 100 for one
    assert pnl_figures(utc_now()).unrealized_usdt is None


def test_a_partial_hedge_that_became_unresolved_again_does_not_leave_the_exposure() -> None:
    """Its reservation has become exposure and ended: nothing else would count it against the caps."""
    plan = {"symbol": "BTCUSDT", "strategy": "cross_exchange_arb", "turned": False, "simulated": False}
    plans = [{**plan, "status": "unresolved", "reserved": reserved} for reserved in (False, True)]
    story = [(chosen, 0, ("enter", "long", Decimal(2), Decimal(50), Decimal(0))) for chosen in (0, 1)]
    played(plans, story)
    found = exposure_snapshot()
    assert (found.open_hedges, found.unresolved_hedges) == (1, 2)
    assert found.total_notional_usdt == found.per_symbol["BTCUSDT"] == Decimal(100)
    assert found.per_strategy["cross_exchange_arb"].open_notional_usdt == Decimal(100)
