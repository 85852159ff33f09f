"""The ccxt client against the simulator's own protocols: what is asked, what is answered, what breaks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.venues.orders import new_client_order_id, order
from tests.venues.simulator import Simulator
from trading.venues.base import OutcomeKind, VenueError, VenueOrderStatus
from trading.venues.ccxt_client import CcxtClient
from trading.venues.limiter import UsedWeight
from trading.venues.wire import CallNote

ORDER_PATH = {"binance-um": "/fapi/v1/order", "okx-perp": "/api/v5/trade/batch-orders"}
QUERY_PATH = {"binance-um": "/fapi/v1/order", "okx-perp": "/api/v5/trade/order"}
REJECTION = {"binance-um": (400, "-2019"), "okx-perp": (200, "51008")}
UNPROVED = {"binance-um": (503, "-1007"), "okx-perp": (200, "50004")}
FAR_BELOW = Decimal(85500)


async def test_instruments_are_in_base_units_on_both_venues(client: CcxtClient) -> None:
    found = {info.symbol: info for info in await client.fetch_instruments()}
    bitcoin = found["BTCUSDT"]
    assert bitcoin.active
    assert bitcoin.tick_size == Decimal("0.1")
    assert bitcoin.lot_size == (Decimal("0.001") if client.venue == "binance-um" else Decimal("0.0001"))
    assert bitcoin.contract_size == (1 if client.venue == "binance-um" else Decimal("0.01"))


async def test_quotes_marks_funding_fees_and_volumes_are_read_live(client: CcxtClient) -> None:
    (quote,) = await client.fetch_quotes(["BTCUSDT", "NOSUCHUSDT"])
    (mark,) = await client.fetch_marks(["BTCUSDT"])
    (funding,) = await client.fetch_funding(["BTCUSDT"])
    fee = await client.fetch_fee("BTCUSDT")
    assert 0 < quote.bid < quote.ask
    assert quote.venue_at is not None
    assert quote.bid * Decimal("0.99") < mark.mark_price < quote.ask * Decimal("1.01")
    assert funding.interval_hours == 8
    assert funding.next_at is not None
    assert funding.next_at > datetime.now(UTC)
    assert (fee.taker_bps, fee.maker_bps) == (5, 2)
    assert (await client.fetch_volumes(["BTCUSDT"]))["BTCUSDT"] > 0


async def test_a_book_is_sorted_and_in_base_units(client: CcxtClient) -> None:
    book = await client.fetch_book("BTCUSDT", 5)
    (quote,) = await client.fetch_quotes(["BTCUSDT"])
    assert list(book.bids) == sorted(book.bids, reverse=True)
    assert list(book.asks) == sorted(book.asks)
    assert abs(book.asks[0][0] - quote.ask) < 100


async def test_an_ioc_order_is_answered_with_its_fill(client: CcxtClient) -> None:
    request = order()
    started = datetime.now(UTC) - timedelta(seconds=1)
    outcome = await client.submit(request)
    assert outcome.kind == OutcomeKind.ACCEPTED
    assert outcome.order is not None
    assert (outcome.order.status, outcome.order.filled_quantity) == (VenueOrderStatus.FILLED, Decimal("0.002"))
    (fill,) = [
        one for one in await client.fetch_fills("BTCUSDT", started) if one.venue_order_id == outcome.venue_order_id
    ]
    assert fill.fee_usdt == fill.quantity * fill.price * Decimal("0.0005")
    positions = {one.symbol: one for one in await client.fetch_positions()}
    assert positions["BTCUSDT"].quantity >= Decimal("0.002")


async def test_the_same_quantity_is_the_same_on_both_venues(client: CcxtClient, simulator: Simulator) -> None:
    request = order(quantity=Decimal("0.003"))
    await client.submit(request)
    (row,) = simulator.accepted(request.client_order_id)
    assert Decimal(str(row["quantity"])) == Decimal("0.003")


async def test_a_market_order_reduces_and_never_carries_a_time_in_force(client: CcxtClient) -> None:
    await client.submit(order())
    outcome = await client.submit(order(side="sell", order_type="market", limit_price=None, reduce_only=True))
    assert outcome.kind == OutcomeKind.ACCEPTED
    assert outcome.order is not None
    assert outcome.order.status == VenueOrderStatus.FILLED


async def test_a_resting_order_is_found_and_canceled_by_its_client_id(client: CcxtClient) -> None:
    request = order(time_in_force="gtc", limit_price=FAR_BELOW)
    await client.submit(request)
    assert request.client_order_id in {one.client_order_id for one in await client.fetch_open_orders()}
    assert request.client_order_id in {one.client_order_id for one in await client.fetch_open_orders("BTCUSDT")}
    assert (await client.cancel("BTCUSDT", request.client_order_id)).kind == OutcomeKind.ACCEPTED
    found = await client.fetch_order("BTCUSDT", request.client_order_id)
    assert found is not None
    assert found.status == VenueOrderStatus.CANCELED
    again = await client.cancel("BTCUSDT", request.client_order_id)
    assert again.kind == OutcomeKind.REJECTED


@pytest.mark.parametrize("client", ["okx-perp"], indirect=True)
async def test_an_order_of_okxs_website_has_no_client_id_and_is_canceled_by_the_venues(client: CcxtClient) -> None:
    wire, _ = await client._open()
    row = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1"}
    await wire.call("privatePostTradeOrder", {**row, "px": str(FAR_BELOW)})
    (resting,) = [one for one in await client.fetch_open_orders("BTCUSDT") if not one.client_order_id]
    outcome = await client.cancel("BTCUSDT", "", venue_order_id=resting.venue_order_id)
    assert outcome.kind == OutcomeKind.ACCEPTED
    assert resting.venue_order_id not in {one.venue_order_id for one in await client.fetch_open_orders("BTCUSDT")}


@pytest.mark.parametrize("client", ["binance-um"], indirect=True)
async def test_the_weight_that_the_venue_has_counted_is_read_with_every_answer(client: CcxtClient) -> None:
    await client.fetch_quotes(["BTCUSDT"])
    wire, _ = await client._open()
    wire._used = UsedWeight("x-mbx-used-weight-1m", 0, wall=lambda: 59.9)
    await client.fetch_quotes(["BTCUSDT"])
    assert 0 < client._weights.blocked_seconds() <= 0.2


async def test_the_same_client_id_twice_exists_and_is_one_order(client: CcxtClient, simulator: Simulator) -> None:
    request = order(time_in_force="gtc", limit_price=FAR_BELOW)
    await client.submit(request)
    assert (await client.submit(request)).kind == OutcomeKind.EXISTS
    assert len(simulator.accepted(request.client_order_id)) == 1
    await client.cancel("BTCUSDT", request.client_order_id)


async def test_an_unknown_client_id_is_none_and_not_an_error(client: CcxtClient) -> None:
    assert await client.fetch_order("BTCUSDT", new_client_order_id()) is None


async def test_an_order_that_slept_too_long_is_refused_by_the_venue_itself(
    client: CcxtClient, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3: the expiry counts from the committed sending time. Our own check is taken out of the way."""
    monkeypatch.setattr(CcxtClient, "_check", lambda *_: None)
    now = datetime.now(UTC)
    request = order(sending_at=now - timedelta(seconds=6), expires_at=now - timedelta(seconds=4))
    outcome = await client.submit(request)
    assert outcome.kind == OutcomeKind.REJECTED
    assert outcome.code in {"-1021", "50036", "50037"}
    assert simulator.accepted(request.client_order_id) == []


async def test_an_expired_order_does_not_even_leave(client: CcxtClient, simulator: Simulator) -> None:
    now = datetime.now(UTC)
    request = order(sending_at=now - timedelta(seconds=3), expires_at=now - timedelta(seconds=1))
    assert (await client.submit(request)).code == "not_sent"
    assert simulator.arrived(request.client_order_id) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal("0.00015")},
        {"quantity": Decimal(0)},
        {"limit_price": Decimal("90000.05")},
        {"client_order_id": "with space"},
        {"symbol": "NOSUCHUSDT"},
        {"order_type": "market"},
    ],
)
async def test_what_ccxt_would_round_or_guess_never_leaves(
    client: CcxtClient, simulator: Simulator, changes: dict[str, object]
) -> None:
    request = order(**changes)
    assert (await client.submit(request)).code == "not_sent"
    assert simulator.arrived(request.client_order_id) == []


async def test_a_lost_answer_is_unknown_and_the_order_is_found_later(client: CcxtClient, simulator: Simulator) -> None:
    simulator.fault(client.venue, "apply_then_drop", ORDER_PATH[client.venue], method="POST")
    request = order()
    outcome = await client.submit(request)
    assert outcome.kind == OutcomeKind.UNKNOWN
    assert len(simulator.accepted(request.client_order_id)) == 1
    found = await client.fetch_order("BTCUSDT", request.client_order_id)
    assert found is not None
    assert found.status == VenueOrderStatus.FILLED


@pytest.mark.parametrize("kind", ["drop_before", "apply_then_5xx", "html", "empty"])
async def test_a_broken_answer_is_unknown_and_nothing_is_sent_twice(
    client: CcxtClient, simulator: Simulator, kind: str
) -> None:
    simulator.fault(client.venue, kind, ORDER_PATH[client.venue], method="POST")
    request = order()
    assert (await client.submit(request)).kind == OutcomeKind.UNKNOWN
    assert len(simulator.arrived(request.client_order_id)) <= 1


async def test_a_coded_refusal_is_a_rejection(client: CcxtClient, simulator: Simulator) -> None:
    status, code = REJECTION[client.venue]
    simulator.fault(
        client.venue, "venue_error", ORDER_PATH[client.venue], method="POST", status=status, code=code, message="margin"
    )
    outcome = await client.submit(order())
    assert (outcome.kind, outcome.code) == (OutcomeKind.REJECTED, code)


async def test_a_venue_that_does_not_know_itself_is_unknown(client: CcxtClient, simulator: Simulator) -> None:
    status, code = UNPROVED[client.venue]
    simulator.fault(
        client.venue,
        "venue_error",
        ORDER_PATH[client.venue],
        method="POST",
        status=status,
        code=code,
        message="timeout",
    )
    assert (await client.submit(order())).kind == OutcomeKind.UNKNOWN


async def test_a_rate_limit_is_throttled_and_blocks_the_next_slot(client: CcxtClient, simulator: Simulator) -> None:
    simulator.fault(client.venue, "http_status", ORDER_PATH[client.venue], method="POST", status=429)
    assert (await client.submit(order())).kind == OutcomeKind.THROTTLED
    assert client._slots.blocked_seconds() > 0


async def test_a_lagging_query_is_none_which_is_no_proof_yet(client: CcxtClient, simulator: Simulator) -> None:
    simulator.fault(client.venue, "query_lag", QUERY_PATH[client.venue], times=10, seconds=30)
    request = order(time_in_force="gtc", limit_price=FAR_BELOW)
    await client.submit(request)
    assert await client.fetch_order("BTCUSDT", request.client_order_id) is None
    simulator.clear_faults()
    await client.cancel("BTCUSDT", request.client_order_id)


@pytest.mark.parametrize("kind", ["html", "empty", "drop_before", "apply_then_5xx"])
async def test_a_broken_read_is_an_error_and_never_an_empty_account(
    client: CcxtClient, simulator: Simulator, kind: str
) -> None:
    await client.fetch_positions()
    simulator.fault(client.venue, kind, "positi", times=3)
    with pytest.raises(VenueError):
        await client.fetch_positions()


async def test_maintenance_shows_although_a_scheduled_event_stands_last(
    client: CcxtClient, simulator: Simulator
) -> None:
    simulator.fault(client.venue, "maintenance", times=100)
    assert (await client.fetch_status()).maintenance


async def test_the_clock_is_measured_by_five_midpoints(client: CcxtClient) -> None:
    sample = await client.measure_clock()
    assert abs(sample.skew_ms) < 50
    assert sample.half_round_trip_ms < 50


async def test_the_preflight_of_a_proper_account_is_clean(client: CcxtClient) -> None:
    found = await client.preflight()
    assert found.ok, found.problems
    assert found.facts["may_withdraw"] is False


async def test_an_unread_preflight_is_a_problem(client: CcxtClient, simulator: Simulator) -> None:
    await client.fetch_instruments()
    simulator.fault(client.venue, "html", times=20)
    found = await client.preflight()
    assert not found.ok
    assert found.problems


async def test_leverage_and_cancel_timer_are_proved_by_their_answers(client: CcxtClient) -> None:
    assert (await client.set_leverage("BTCUSDT", Decimal(3))).kind == OutcomeKind.ACCEPTED
    assert (await client.set_leverage("BTCUSDT", Decimal("2.5"))).code == "not_sent"
    assert (await client.arm_cancel_timer(["BTCUSDT"], 60)).kind == OutcomeKind.ACCEPTED
    assert (await client.disarm_cancel_timer(["BTCUSDT"])).kind == OutcomeKind.ACCEPTED


async def test_the_ledger_explains_the_wallet(client: CcxtClient) -> None:
    started = datetime.now(UTC) - timedelta(milliseconds=50)
    before = await client.fetch_account()
    outcome = await client.submit(order())
    after = await client.fetch_account()
    rows = [row for row in await client.fetch_ledger(started) if row.currency == "USDT"]
    assert outcome.kind == OutcomeKind.ACCEPTED
    assert sum(row.amount for row in rows if row.at >= started) == after.wallet_usdt - before.wallet_usdt


async def test_every_call_is_told_to_the_watchdog(client: CcxtClient, simulator: Simulator) -> None:
    notes: list[CallNote] = []
    client.observer = notes.append
    await client.fetch_quotes(["BTCUSDT"])
    assert all(note.ok and note.round_trip_ms > 0 for note in notes)
    simulator.fault(client.venue, "drop_before", times=5)
    with pytest.raises(VenueError):
        await client.fetch_quotes(["BTCUSDT"])
    assert not notes[-1].answered
