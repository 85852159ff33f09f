"""The parts of a hedge's PnL: they add up exactly, and each says what it claims."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.desk import Desk
from trading.attribution import Attribution, LegTrade, attribute, reference_price
from trading.ledger_math import FillFact, leg_figures, realized
from trading.models import Leg
from trading.selectors.attribution import attribution_payload, funding_by_hedge
from trading.services.closing import hedge_close
from trading.services.execution import hedge_open

D = Decimal
PRICES = st.decimals(1, 90_000, places=2)
FEES = st.decimals(-10, 10, places=6)


def split(
    entries: tuple[D, D], exits: tuple[D, D], fees: tuple[D, D], references: tuple[D | None, D | None], funding: D
) -> Attribution:
    """A hedge of 0.3 on both legs, entered and left in two fills each."""
    legs, figures = [], []
    for number, side in enumerate(("long", "short")):
        enters, leaves = ("buy", "sell") if side == "long" else ("sell", "buy")
        facts = [
            FillFact(enters, D("0.1"), entries[number], fees[number]),
            FillFact(enters, D("0.2"), entries[number], D(0)),
        ]
        facts += [FillFact(leaves, D("0.2"), exits[number], D(0)), FillFact(leaves, D("0.1"), exits[number], D("0.01"))]
        figure = leg_figures(side, facts)
        figures.append(figure)
        legs.append(LegTrade(side, figure.exited, figure.entry_price, figure.fees_usdt, references[number]))
    return attribute(
        legs=legs,
        first_leg="long",
        funding_usdt=funding,
        realized_usdt=realized(figures, funding),
        expected_bps=D(5),
        notional_usdt=D(1000),
    )


@given(
    st.tuples(PRICES, PRICES), st.tuples(PRICES, PRICES), st.tuples(FEES, FEES),
    st.tuples(PRICES | st.none(), PRICES | st.none()), FEES,
)  # fmt: skip
def test_the_parts_add_up_to_the_realized_pnl_exactly(
    entries: tuple[D, D], exits: tuple[D, D], fees: tuple[D, D], references: tuple[D | None, D | None], funding: D
) -> None:
    found = split(entries, exits, fees, references, funding)
    assert sum(found.parts(), D(0)) == found.realized_usdt
    assert found.difference_usdt == found.realized_usdt - D("0.5")


@given(st.tuples(PRICES, PRICES), st.tuples(PRICES, PRICES), st.tuples(PRICES, PRICES))
def test_the_spread_captured_is_the_decision_s_spread_and_what_the_exit_gave(
    entries: tuple[D, D], exits: tuple[D, D], references: tuple[D, D]
) -> None:
    found = split(entries, exits, (D(0), D(0)), references, D(0))
    decided = (references[1] - references[0]) * D("0.3")
    left = (exits[0] - exits[1]) * D("0.3")
    assert abs(found.spread_captured_usdt - decided - left) < D("1e-12")
    assert found.slippage_usdt == (references[0] - entries[0]) * D("0.3")
    assert found.leg_delay_usdt == (entries[1] - references[1]) * D("0.3")


def test_what_the_decision_did_not_keep_is_unknown_and_not_zero() -> None:
    found = split((D(100), D(101)), (D(100), D(100)), (D(0), D(0)), (None, D(101)), D(0))
    assert found.slippage_usdt is None
    assert found.leg_delay_usdt == 0


@pytest.mark.parametrize(
    "decision",
    [{}, {"quotes": None}, {"quotes": {"v": {}}}, {"quotes": {"v": {"ask": "NaN"}}}, {"quotes": {"v": {"ask": "x"}}},
     {"quotes": {"v": {"ask": "0"}}}, {"quotes": {"v": {"ask": 1.5}}}],
)  # fmt: skip
def test_a_reference_that_is_no_price_is_none(decision: dict[str, object]) -> None:
    assert reference_price(decision, "v", "long") is None


def test_a_real_hedge_is_attributed_to_the_cent_of_its_wallets(desk: Desk) -> None:
    hedge = hedge_open(plan=desk.plan(), attempt=None).hedge
    closed = hedge_close(hedge_id=hedge.pk, reason="operator").hedge
    payload = attribution_payload(closed, list(Leg.objects.filter(hedge=closed)), funding_by_hedge([closed]))
    assert payload is not None
    names = ("spread_captured_usdt", "slippage_usdt", "leg_delay_usdt", "fees_usdt", "funding_usdt")
    assert sum((payload[name] for name in names), D(0)) == closed.realized_pnl_usdt
    assert payload["fees_usdt"] < 0
    assert payload["slippage_usdt"] is not None
    assert abs(payload["realized_usdt"] - desk.wallet_change()) < D("0.01")
