"""The account's arithmetic, whatever is done to it."""

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.simulator.accounts import Position, maintenance_margin
from trading.simulator.build import Options, build
from trading.simulator.exchange import Exchange
from trading.simulator.orders import NewOrder, RefusalError

STEPS = st.lists(
    st.tuples(st.sampled_from(("buy", "sell", "fund", "outside")), st.integers(1, 400), st.booleans()),
    min_size=1,
    max_size=25,
)


def exchange(folder: str, venue: str) -> Exchange:
    return build(Options(data_dir=Path(folder), dislocate_every=0)).venues[venue].core


def act(core: Exchange, what: str, size: int, reduce_only: bool) -> None:
    book, quantity = core.book("BTCUSDT"), Decimal(size) / 1000
    if what == "fund":
        core.pay_funding(book, Decimal(size) / 100_000)
    elif what == "outside":
        core.force(book, "sell", quantity, "normal", None)
    else:
        core.submit(NewOrder("BTCUSDT", what, "market", "IOC", "market", quantity, None, "", reduce_only))


@settings(max_examples=25, deadline=None)
@given(steps=STEPS, venue=st.sampled_from(("binance-um", "okx-perp")))
def test_wallet_and_position_follow_from_ledger_and_fills(steps: list[tuple[str, int, bool]], venue: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        core = exchange(folder, venue)
        for step in steps:
            before = core.account.held("BTCUSDT")
            try:
                act(core, *step)
            except RefusalError:
                assert core.account.held("BTCUSDT") == before
            if step[2] and step[0] in ("buy", "sell"):
                assert abs(core.account.held("BTCUSDT")) <= abs(before)
                assert core.account.held("BTCUSDT") * before >= 0
            core.settle()
        account = core.account
        assert account.wallet == Decimal(100_000) + sum(entry.amount for entry in account.ledger)
        assert account.fees_paid == sum(fill.fee for fill in account.fills)
        assert account.funding_paid == -sum(entry.amount for entry in account.ledger if entry.kind == "funding")
        signed = [fill.quantity if fill.side == "buy" else -fill.quantity for fill in account.fills]
        assert account.held("BTCUSDT") == sum(signed)
        core.store.close()


def test_a_flip_realizes_the_old_side_and_opens_the_new_at_the_price() -> None:
    position = Position("BTCUSDT")
    assert position.apply(Decimal("2"), Decimal(100)) == 0
    assert position.apply(Decimal("-3"), Decimal(110)) == 20
    assert (position.quantity, position.entry_price) == (Decimal(-1), Decimal(110))


def test_maintenance_margin_is_continuous_over_the_brackets() -> None:
    for edge in (50_000, 600_000, 3_000_000, 12_000_000, 70_000_000):
        below, above = maintenance_margin(Decimal(edge)), maintenance_margin(Decimal(edge) + Decimal("0.01"))
        assert abs(above - below) < Decimal("0.01")


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
def test_five_thousand_usdt_find_room_within_two_bps_of_a_dislocated_touch(tmp_path: Path, symbol: str) -> None:
    simulator = build(Options(data_dir=tmp_path, dislocate_every=0))
    for venue, side in (("binance-um", "buy"), ("okx-perp", "sell")):
        core = simulator.venues[venue].core
        simulator.market.dislocate("okx-perp", symbol, 60, 20)
        book = core.book(symbol)
        one, sign = book.instrument, 1 if side == "buy" else -1
        touch = (book.asks if side == "buy" else book.bids)[0][0]
        limit = one.price(one.ticks(one.price(touch) * (1 + sign * Decimal("0.0002"))))
        quantity = one.quantity(one.lots(Decimal(5000) / one.price(touch)))
        order = core.submit(NewOrder(symbol, side, "limit", "IOC", "ioc", quantity, limit, "edge1"))
        assert order.filled == quantity
    simulator.store.close()
