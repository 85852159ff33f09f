"""Before the gate: both legs inside their collars by the venues' own marks, and nothing asked twice in a second."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction

from propbot.clock import utc_now
from risk.desk import RESERVATIONS_LOCK
from risk.models import Reservation
from tests.engine.conftest import desk as desk
from tests.engine.conftest import shared as shared
from tests.engine.conftest import simulator as simulator
from tests.engine.desk import LONG, Desk
from trading.choices import AttemptKind, AttemptStatus
from trading.entry_types import EntryRequest
from trading.models import HedgeAttempt
from trading.quotes import board
from trading.services import journal
from trading.services.last_checks import collar_refusal, duplicate_of

D = Decimal
REQUEST = EntryRequest(
    kind=AttemptKind.EXECUTE,
    symbol="BTCUSDT",
    notional_usdt=D(500),
    leverage=D(1),
    strategy="cross_exchange_arb",
    min_spread_bps=D(1),
    initiator="alice",
)


@pytest.mark.django_db(transaction=True)
def test_the_marks_come_from_the_venues_where_the_stream_is_silent_and_a_fat_tick_is_refused(desk: Desk) -> None:
    plan = desk.plan(notional="500")
    assert board().marks(["BTCUSDT"]) == {}
    priced = replace(plan.intent, long_limit_price=plan.long_price, short_limit_price=plan.short_price)
    assert collar_refusal(replace(plan, intent=priced)) == ""
    assert {venue for venue, _ in board().marks(["BTCUSDT"])} == set(desk.runtime.clients)
    for factor in ("1.5", "10"):
        spiked = replace(priced, long_limit_price=plan.long_price * D(factor))
        assert "price collar: long limit" in collar_refusal(replace(plan, intent=spiked))
    assert "price collar: short limit" in collar_refusal(
        replace(plan, intent=replace(priced, short_limit_price=plan.short_price / 2))
    )


@pytest.mark.django_db(transaction=True)
def test_a_venue_that_tells_no_mark_refuses_the_entry(desk: Desk) -> None:
    plan = desk.plan(notional="500")
    desk.simulator.fault(LONG, "http_status", match={"path": "premiumIndex"}, times=10, status=500)
    priced = replace(plan.intent, long_limit_price=plan.long_price, short_limit_price=plan.short_price)
    assert collar_refusal(replace(plan, intent=priced)) == f"price collar: no fresh mark of {LONG}"


def attempt(milliseconds: int, *, status: str = AttemptStatus.CLAIMED, **changes: object) -> HedgeAttempt:
    request = replace(REQUEST, **changes)  # type: ignore[arg-type]
    at = utc_now().replace(microsecond=0) + timedelta(milliseconds=milliseconds)
    return HedgeAttempt.objects.create(
        kind=request.kind,
        status=status,
        initiator=request.initiator,
        symbol=request.symbol,
        strategy=request.strategy,
        request=request.to_json(),
        created_at=at,
        not_after=at + timedelta(seconds=8),
        claimed_at=at,
        claimed_epoch=1,
    )


@pytest.mark.django_db
def test_the_second_of_two_equal_requests_within_a_second_is_a_duplicate() -> None:
    first, second = attempt(0), attempt(400)
    assert duplicate_of(REQUEST, first) == ""
    assert duplicate_of(REQUEST, second) == "duplicate intent: the same was asked 400 ms before"
    assert duplicate_of(replace(REQUEST, reason="again"), second) != ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other",
    [
        {"initiator": "bob"},
        {"symbol": "ETHUSDT"},
        {"notional_usdt": D(501)},
        {"min_spread_bps": D(2)},
        {"kind": AttemptKind.CONFIRM},
    ],
)
def test_another_request_is_none(other: dict[str, object]) -> None:
    attempt(0, **other)
    assert duplicate_of(REQUEST, attempt(400)) == ""


@pytest.mark.django_db
def test_what_was_refused_or_is_older_may_be_asked_again_and_machines_have_their_own_guards() -> None:
    attempt(300, status=AttemptStatus.DONE)
    assert duplicate_of(REQUEST, attempt(600)) == ""
    HedgeAttempt.objects.all().delete()
    attempt(0)
    assert duplicate_of(REQUEST, attempt(1001)) == ""
    automatic = replace(REQUEST, kind=AttemptKind.AUTO_HEDGE)
    attempt(1100, kind=AttemptKind.AUTO_HEDGE)
    assert duplicate_of(automatic, attempt(1200, kind=AttemptKind.AUTO_HEDGE)) == ""


@pytest.mark.django_db(transaction=True)
def test_a_journal_that_waited_too_long_for_the_reservations_lock_is_tried_again(desk: Desk) -> None:
    taken = threading.Event()

    def hold_the_lock() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RESERVATIONS_LOCK])
            taken.set()
            cursor.execute("SELECT pg_sleep(1.5)")  # longer than lock_timeout lets the journal wait
        connection.close()

    thread = threading.Thread(target=hold_the_lock)
    thread.start()
    assert taken.wait(5)
    plan = replace(desk.plan(notional="500"), quotes={})
    hedge, legs, orders = journal.hedge_journal(
        hedge_id=uuid4(), plan=plan, attempt=None, runtime=desk.runtime, legs=("long",)
    )
    thread.join()
    assert (len(legs), [order.status for order in orders]) == (2, ["planned"])
    assert Reservation.objects.filter(hedge_id=hedge.pk, status="held").count() == 1
