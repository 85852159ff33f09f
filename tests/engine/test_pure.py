"""The pure parts: lots, prices, client ids, transition tables, and the orphan policy row by row."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import ids
from trading.choices import HedgeStatus, OrderStatus
from trading.ledger_math import FillFact, Running, leg_figures, realized, unrealized
from trading.orphan import OrphanFacts, Step, UnprovenOrder, decide
from trading.recon_math import Side, position_findings, wallet_finding
from trading.sizing import (
    BelowMinimumError,
    Grid,
    common_lot,
    entry_quantity,
    limit_price,
    minimum_quantity,
    round_down,
)
from trading.state import HEDGE_MOVES, ORDER_MOVES

D = Decimal
LOTS = st.sampled_from(["0.0001", "0.001", "0.01", "0.1", "0.4", "0.6", "1", "10", "25", "1000"]).map(D)
QUANTITIES = st.decimals(min_value="0.0001", max_value="100000", places=4)


@given(LOTS, LOTS)
def test_the_common_lot_is_a_multiple_of_both_and_the_least_one(first: Decimal, second: Decimal) -> None:
    lot = common_lot(first, second)
    assert lot % first == 0
    assert lot % second == 0
    smaller = [lot / n for n in range(2, 50)]
    assert not [one for one in smaller if one % first == 0 and one % second == 0]


@given(QUANTITIES, LOTS)
def test_rounding_down_never_adds(quantity: Decimal, lot: Decimal) -> None:
    rounded = round_down(quantity, lot)
    assert rounded <= quantity < rounded + lot
    assert rounded % lot == 0


@given(st.decimals(min_value="1", max_value="1000000", places=2), LOTS, LOTS, st.decimals("1", "50000", places=1))
def test_an_entry_quantity_fits_both_venues_or_names_the_minimum(
    notional: Decimal, long_lot: Decimal, short_lot: Decimal, price: Decimal
) -> None:
    long = Grid(D("0.1"), long_lot, long_lot, None, D(100))
    short = Grid(D("0.1"), short_lot, short_lot, D(50_000), None)
    least = minimum_quantity(long, short, price)
    if min(notional / price, D(50_000)) < least:
        with pytest.raises(BelowMinimumError):
            entry_quantity(notional, long, short, price)
        return
    quantity = entry_quantity(notional, long, short, price)
    assert quantity % long_lot == quantity % short_lot == 0
    assert quantity * price <= notional
    assert quantity * price >= 100


@given(st.decimals("0.5", "90000", places=1), st.integers(0, 100), st.sampled_from(["0.1", "0.5"]).map(D))
def test_a_price_through_the_touch_trades_and_stays_within_its_distance(
    touch: Decimal, bps: int, tick: Decimal
) -> None:
    buy, sell = limit_price(touch, "buy", D(bps), tick), limit_price(touch, "sell", D(bps), tick)
    assert buy >= touch
    assert sell <= touch or sell == tick
    assert buy % tick == sell % tick == 0
    assert buy <= max(touch * (1 + D(bps) / 10_000), touch + tick)


@given(st.uuids(), st.sampled_from(ids.LEGS), st.integers(0, ids.MAX_ATTEMPT))
def test_a_client_id_is_30_alphanumerics_and_says_who_made_it(intent: UUID, leg: str, attempt: int) -> None:
    text = ids.client_order_id("a1Z", intent, leg, attempt)
    assert len(text) == 30
    assert text.isascii()
    assert text.isalnum()
    assert ids.parse(text) == ids.ParsedId("a1Z", intent, leg, attempt)


@pytest.mark.parametrize("text", ["", "web_1", "x-cvBPrNm9abc", "PB" + "!" * 29, "PBaaa" + "z" * 22 + "A01"])
def test_a_stranger_s_id_is_no_id_of_ours(text: str) -> None:
    assert ids.parse(text) is None


def test_every_status_has_a_row_and_only_statuses_stand_in_the_tables() -> None:
    assert set(HEDGE_MOVES) == set(HedgeStatus)
    assert set(ORDER_MOVES) == set(OrderStatus)
    assert all(moves <= set(OrderStatus) for moves in ORDER_MOVES.values())
    assert OrderStatus.REJECTED not in ORDER_MOVES[OrderStatus.DENIED]
    assert OrderStatus.SENDING not in {
        move for status, moves in ORDER_MOVES.items() if status != "planned" for move in moves
    }


def facts(**changes: object) -> OrphanFacts:
    calm: dict[str, object] = {
        "long_held": D(0),
        "short_held": D(0),
        "long_lot": D("0.001"),
        "short_lot": D("0.0001"),
        "unproven": (),
        "orphan_seconds": 1.0,
        "deadline_seconds": 15.0,
        "flattens": True,
        "may_open": True,
        "rehedges": 0,
        "rehedge_loss_bps": D(1),
        "loss_bps": D(1),
        "loss_cap_bps": D(50),
    }
    return OrphanFacts(**{**calm, **changes})  # type: ignore[arg-type]


def unproven(
    *, answers: bool = True, expired: bool = True, not_found: bool = True, reduces: bool = False
) -> tuple[UnprovenOrder, ...]:
    return (UnprovenOrder("short", reduces, answers, expired, not_found),)


ONE = D(1)
TABLE = [
    ("both filled", facts(long_held=ONE, short_held=ONE), Step.MATCHED, D(0), D(0)),
    ("nothing", facts(), Step.EMPTY, D(0), D(0)),
    ("partly, partly: trim the larger", facts(long_held=ONE, short_held=D("0.4")), Step.REDUCE, D("0.6"), D(0)),
    ("grids differ: to the common lot", facts(long_held=D("0.02"), short_held=D("0.0022")), Step.REDUCE, D("0.018"), D("0.0002")),
    ("filled, refused: re-hedge", facts(long_held=ONE), Step.REHEDGE, D(0), ONE),
    ("two re-hedges are enough", facts(long_held=ONE, rehedges=2), Step.REDUCE, ONE, D(0)),
    ("too dear to re-hedge", facts(long_held=ONE, rehedge_loss_bps=D(51)), Step.REDUCE, ONE, D(0)),
    ("no price, no re-hedge", facts(long_held=ONE, rehedge_loss_bps=None), Step.REDUCE, ONE, D(0)),
    ("HOLD: no re-hedge", facts(long_held=ONE, may_open=False), Step.REDUCE, ONE, D(0)),
    ("policy hold keeps it", facts(long_held=ONE, may_open=False, flattens=False), Step.KEEP, D(0), D(0)),
    ("unknown, nothing held", facts(unproven=unproven()), Step.WAIT, D(0), D(0)),
    ("unknown, held, early", facts(long_held=ONE, unproven=unproven()), Step.WAIT, D(0), D(0)),
    ("unknown at the deadline, gone", facts(long_held=ONE, unproven=unproven(), orphan_seconds=16), Step.REDUCE, ONE, D(0)),
    ("unknown at the deadline, venue dark", facts(long_held=ONE, unproven=unproven(answers=False), orphan_seconds=16), Step.PAGE, D(0), D(0)),
    ("unknown at the deadline, not expired", facts(long_held=ONE, unproven=unproven(expired=False), orphan_seconds=16), Step.PAGE, D(0), D(0)),
    ("unknown, loss cap", facts(long_held=ONE, unproven=unproven(answers=False), loss_bps=D(50)), Step.REDUCE, ONE, D(0)),
    ("unknown, loss not known", facts(long_held=ONE, unproven=unproven(answers=False), loss_bps=None), Step.WAIT, D(0), D(0)),
    ("flatten unknown: ask first", facts(long_held=ONE, unproven=unproven(expired=False, reduces=True)), Step.WAIT, D(0), D(0)),
    ("flatten unknown and gone: repeat", facts(long_held=ONE, may_open=False, unproven=unproven(reduces=True)), Step.REDUCE, ONE, D(0)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "known", "step", "long", "short"), TABLE, ids=[row[0] for row in TABLE])
def test_the_orphan_policy(name: str, known: OrphanFacts, step: Step, long: Decimal, short: Decimal) -> None:
    decision = decide(known)
    assert (decision.step, decision.long, decision.short) == (step, long, short), name


FILLS = st.lists(
    st.tuples(st.decimals("0.001", "5", places=3), st.decimals("1", "90000", places=2)), min_size=1, max_size=6
)


@given(FILLS, st.decimals("1", "90000", places=2), st.sampled_from(["long", "short"]))
def test_realized_is_the_cash_that_moved_once_all_has_left(
    entries: list[tuple[Decimal, Decimal]], exit_price: Decimal, side: str
) -> None:
    enters, leaves = ("buy", "sell") if side == "long" else ("sell", "buy")
    fills = [FillFact(enters, quantity, price, D("0.01")) for quantity, price in entries]
    total = sum((fill.quantity for fill in fills), D(0))
    fills.append(FillFact(leaves, total, exit_price, D("0.02")))
    cash = sum((f.quantity * f.price * (1 if f.side == "sell" else -1) - f.fee_usdt for f in fills), D(0))
    figures = leg_figures(side, fills)
    assert figures.held == 0
    assert abs(realized([figures], D(0)) - cash) < D("1e-12")


def test_unrealized_is_unknown_without_a_mark() -> None:
    assert unrealized("long", ONE, D(100), None) is None
    assert unrealized("long", D(0), None, None) == 0
    assert unrealized("short", ONE, D(100), D(90)) == 10


def test_the_running_total_knows_its_deepest_fall() -> None:
    running = Running()
    for amount in (10, -4, -8, 20, -3):
        running = running.after(D(amount))
    assert (running.total, running.peak, running.drawdown) == (15, 18, 12)


def test_an_unknown_position_is_foreign_and_a_known_one_differs() -> None:
    side = Side("okx-perp", {"BTCUSDT": D("0.5"), "ETHUSDT": D(1)}, {}, {"BTCUSDT": D(80_000)})
    books = {("okx-perp", "ETHUSDT"): D(2), ("binance-um", "BTCUSDT"): D(3)}
    found = position_findings(books, side, lots={}, ignore=set())
    assert [(one.kind, one.symbol, one.notional_usdt) for one in found] == [
        ("foreign_position", "BTCUSDT", D(40_000)),
        ("position", "ETHUSDT", None),
    ]
    assert position_findings(books, side, lots={}, ignore={("okx-perp", "BTCUSDT"), ("okx-perp", "ETHUSDT")}) == []


def test_a_wallet_must_move_by_its_ledger_to_the_cent() -> None:
    assert wallet_finding("v", before=D(100), ledger=D("-1.5"), now=D("98.505")) is None
    assert wallet_finding("v", before=D(100), ledger=D("-1.5"), now=D("98.48")) is not None


def test_two_hedges_never_share_a_client_id() -> None:
    names = {ids.client_order_id("abc", uuid4(), leg, n) for leg in ids.LEGS for n in range(100)}
    assert len(names) == 300
