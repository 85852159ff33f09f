"""What queue and cache may do (RELIABILITY E9, E10, E15): lose, repeat, poison, forget. Money rides on the row alone."""

from decimal import Decimal
from typing import Any

import pytest
import redis

from approvals.services.buckets import bucket_take
from audit.models import AuditRecord
from propbot.clock import utc_now
from tests.engine.desk import Desk
from trading.entry_types import EntryRequest
from trading.models import HedgeAttempt, UniverseEntry
from trading.services import attempts

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)
REQUEST = EntryRequest(
    kind="execute", symbol="BTCUSDT", notional_usdt=D("300.5"), leverage=D(2), strategy="cross_exchange_arb",
    min_spread_bps=D("0.1"), initiator="alice",
)  # fmt: skip


@pytest.fixture
def attempt(desk: Desk) -> HedgeAttempt:
    UniverseEntry.objects.create(symbol="BTCUSDT", allowed=True, changed_at=utc_now())
    return attempts.attempt_create(request=REQUEST)


def test_e10_a_poisoned_attempt_is_tried_once_and_ends_with_its_record(
    attempt: HedgeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def poison(**given: Any) -> None:
        tried.append(given)
        raise ZeroDivisionError("poison")

    monkeypatch.setattr(attempts, "entry_execute", poison)
    with pytest.raises(ZeroDivisionError):
        attempts.attempt_execute(attempt_id=attempt.pk)
    monkeypatch.setattr(attempts, "LOST_AFTER", -attempts.LOST_AFTER)
    for _ in range(3):
        assert attempts.attempt_execute(attempt_id=attempt.pk) is None
        attempts.attempt_sweep()
    attempt.refresh_from_db()
    assert len(tried) == 1
    assert (attempt.status, attempt.result, attempt.reason) == ("done", "failed", "internal_error")
    assert AuditRecord.objects.filter(action="hedge_execute", status="failed").count() == 1


def test_e9_an_attempt_whose_worker_died_with_it_is_ended_and_not_run_again(attempt: HedgeAttempt, desk: Desk) -> None:
    """Early acknowledged, the message is gone with the worker; late acknowledged, it comes again: one answer to both."""
    assert attempts.attempt_claim(attempt_id=attempt.pk, epoch=desk.runtime.epoch) is not None
    desk.runtime.epoch += 1
    assert attempts.attempt_execute(attempt_id=attempt.pk) is None
    assert attempts.attempt_sweep()["interrupted"] == 1
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result) == ("done", "interrupted")
    assert desk.simulator.accepted() == []


def test_e15_a_flushed_redis_gives_nobody_his_attempts_back(redis_client: redis.Redis) -> None:
    taken = [bucket_take(key="e15", per_minute=1, burst=2).allowed for _ in range(3)]
    redis_client.flushdb()
    assert [*taken, bucket_take(key="e15", per_minute=1, burst=2).allowed] == [True, True, False, False]
