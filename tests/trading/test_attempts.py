"""An attempt is claimed once, dropped when it is late, found when its message was lost, ended when its trader died."""

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import override_settings

from audit.models import AuditRecord
from propbot.clock import utc_now
from propbot.config import values
from propbot.errors import RecordingFailedError
from tests.engine.desk import Desk
from tests.risk.conftest import Figures
from tests.trading.rows import hedge_row
from tests.trading.trader import trader_worker
from trading.choices import AttemptStatus
from trading.entry_types import Answer, EntryRequest
from trading.models import HedgeAttempt, UniverseEntry
from trading.services.attempts import (
    attempt_claim,
    attempt_create,
    attempt_execute,
    attempt_expire,
    attempt_finish,
    attempt_sweep,
    reduction_create,
)
from trading.services.transitions import WrongMoveError, attempt_move

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)
REQUEST = EntryRequest(
    kind="execute", symbol="BTCUSDT", notional_usdt=D("300.5"), leverage=D(2), strategy="cross_exchange_arb",
    min_spread_bps=D("0.1"), initiator="alice",
)  # fmt: skip


@pytest.fixture
def ready(desk: Desk, figures: Figures) -> Desk:
    UniverseEntry.objects.create(symbol="BTCUSDT", allowed=True, changed_at=utc_now())
    return desk


def late(attempt: HedgeAttempt) -> None:
    HedgeAttempt.objects.filter(pk=attempt.pk).update(not_after=utc_now() - timedelta(seconds=1))


def test_a_request_survives_its_way_through_the_queue() -> None:
    assert EntryRequest.from_json(attempt_create(request=REQUEST).request) == REQUEST


def test_an_attempt_is_recorded_with_the_row() -> None:
    attempt = attempt_create(request=REQUEST)
    record = AuditRecord.objects.get(action="hedge_execute")
    assert (record.target, record.status) == ("BTCUSDT", "requested")
    assert HedgeAttempt.objects.get().pk == attempt.pk


def test_an_entry_that_cannot_be_recorded_does_not_happen() -> None:
    with override_settings(PROPBOT=values().replace(AUDIT_HMAC_KEY=None)), pytest.raises(RecordingFailedError):
        attempt_create(request=REQUEST)
    assert not HedgeAttempt.objects.exists()


def test_a_reduction_that_cannot_be_recorded_passes_with_the_spool() -> None:
    hedge = hedge_row()
    with override_settings(PROPBOT=values().replace(AUDIT_HMAC_KEY=None)):
        attempt = reduction_create(kind="close", hedge=hedge, reason="enough")
    assert HedgeAttempt.objects.get().pk == attempt.pk
    assert not AuditRecord.objects.filter(action="hedge_close").exists()


def test_of_many_claims_at_once_one_wins() -> None:
    attempt = attempt_create(request=REQUEST)
    barrier = threading.Barrier(8)
    won: list[bool] = []

    def claim() -> None:
        barrier.wait()
        won.append(attempt_claim(attempt_id=attempt.pk, epoch=1) is not None)
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_late_attempt_is_never_run_and_the_sweep_expires_it(ready: Desk) -> None:
    attempt = attempt_create(request=REQUEST)
    late(attempt)
    assert attempt_execute(attempt_id=attempt.pk) is None
    assert attempt_sweep()["expired"] == 1
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result) == ("expired", "expired")
    assert AuditRecord.objects.filter(action="hedge_execute", status="failed").exists()
    assert ready.simulator.position("binance-um", "BTCUSDT") == 0


def test_an_attempt_whose_message_was_lost_is_found_and_run(ready: Desk) -> None:
    attempt = attempt_create(request=REQUEST)
    HedgeAttempt.objects.filter(pk=attempt.pk).update(created_at=utc_now() - timedelta(seconds=3))
    assert attempt_sweep()["lost"] == 1
    attempt.refresh_from_db()
    assert attempt.status == "done"
    assert attempt.result == "opened", attempt.answer


def test_a_message_that_comes_twice_acts_once(ready: Desk) -> None:
    attempt = attempt_create(request=REQUEST)
    assert attempt_execute(attempt_id=attempt.pk) is not None
    assert attempt_execute(attempt_id=attempt.pk) is None
    assert len({order["client_order_id"] for order in ready.simulator.accepted()}) >= 2


def test_a_message_that_names_no_row_does_nothing(ready: Desk) -> None:
    assert attempt_execute(attempt_id=uuid.uuid4()) is None


def test_what_a_dead_trader_had_claimed_is_ended_by_its_successor(ready: Desk) -> None:
    attempt = attempt_create(request=REQUEST)
    attempt_claim(attempt_id=attempt.pk, epoch=0)
    assert attempt_sweep()["interrupted"] == 1
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result, attempt.reason) == ("done", "interrupted", "trader_restarted")


def test_an_expiry_that_comes_after_the_claim_changes_nothing() -> None:
    attempt = attempt_create(request=REQUEST)
    attempt_claim(attempt_id=attempt.pk, epoch=1)
    assert not attempt_expire(attempt=attempt)
    attempt.refresh_from_db()
    assert attempt.status == "claimed"


def test_a_standby_claims_nothing(ready: Desk) -> None:
    attempt = attempt_create(request=REQUEST)
    ready.runtime.epoch = 0
    assert attempt_execute(attempt_id=attempt.pk) is None
    attempt.refresh_from_db()
    assert attempt.status == "requested"


@pytest.fixture
def worker(ready: Desk) -> Iterator[Desk]:
    with trader_worker():
        yield ready


def test_a_forged_message_is_no_more_than_a_wrong_name(worker: Desk) -> None:
    from propbot.celery import app

    before = len(worker.simulator.orders())
    for forged in ("not-a-uuid", str(uuid.uuid4())):
        app.send_task("trading.tasks.attempts.attempt_run", args=[forged], queue="trading")
    attempt = attempt_create(request=REQUEST)
    app.send_task("trading.tasks.attempts.attempt_run", args=[str(attempt.pk)], queue="trading")
    from tests.engine.desk import wait_until

    assert wait_until(lambda: HedgeAttempt.objects.get().status == "done")
    assert len(worker.simulator.orders()) == before + 2


def test_an_ended_attempt_never_moves_again() -> None:
    attempt = attempt_create(request=REQUEST)
    assert attempt_expire(attempt=attempt)
    ended = HedgeAttempt.objects.get()
    with pytest.raises(WrongMoveError):
        attempt_move(attempt=ended, to=AttemptStatus.CLAIMED, at_field="claimed_at")
    assert HedgeAttempt.objects.get().status == AttemptStatus.EXPIRED


def test_a_refusal_at_the_door_ends_the_attempt_without_a_trader() -> None:
    attempt = attempt_create(request=REQUEST)
    refused = Answer(423, {"detail": "no"}, "refused", "hold_active")
    assert attempt_finish(attempt=attempt, answer=refused, expect=AttemptStatus.REQUESTED)
    assert not attempt_finish(attempt=attempt, answer=refused, expect=AttemptStatus.REQUESTED)
    row = HedgeAttempt.objects.get()
    assert (row.status, row.result, row.claimed_at) == (AttemptStatus.DONE, "refused", None)
    assert row.finished_at is not None
