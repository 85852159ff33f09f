"""The journal uses a sample at most a second old, and waits for none that somebody else is taking (SPEC 7)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from audit.context import Actor, acting_as
from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.models import GovernorSample, Strategy
from risk.services.governor import governor_sample
from risk.services.limits import limit_change
from risk.services.strategies import strategies_all
from tests.engine.conftest import desk as desk
from tests.engine.conftest import shared as shared
from tests.engine.conftest import simulator as simulator
from tests.engine.desk import Desk
from tests.risk.plain import D
from trading.models import Hedge, Order
from trading.services.execution import hedge_open

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "cross_exchange_arb"
YESTERDAY = timedelta(days=1)


@contextmanager
def locked_budgets() -> Iterator[None]:
    """Another session holds the strategies' rows, and their day has to be rolled over: a sampler gets stuck there."""
    strategies_all()
    Strategy.objects.update(last_reset_at=utc_now() - YESTERDAY)
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Strategy.objects.select_for_update())
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            held.set()
            enough.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        yield
    finally:
        enough.set()
        holder.join(30)


@contextmanager
def stuck_sampler() -> Iterator[threading.Thread]:
    """A sampler that waits in the database, for as long as the locks are held."""

    def sample() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        governor_sample()
        connection.close()

    with locked_budgets():
        before = GovernorSample.objects.count()
        sampler = threading.Thread(target=sample)
        sampler.start()
        while not waiting_for_a_lock() or GovernorSample.objects.count() == before:
            assert sampler.is_alive()
        yield sampler
    sampler.join(30)


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%strategy%'"
        )
        return bool(cursor.fetchone()[0])


def aged(seconds: float) -> None:
    GovernorSample.objects.update(at=utc_now() - timedelta(seconds=seconds))


def test_while_a_sampler_is_stuck_in_the_database_the_journal_goes_on_with_the_last_sample(desk: Desk) -> None:
    plan = desk.plan(notional="500")
    with stuck_sampler() as sampler:
        aged(0)
        hedge = hedge_open(plan=plan, attempt=None).hedge
        assert sampler.is_alive()
        assert waiting_for_a_lock()
    assert not sampler.is_alive()
    assert hedge.status == "open"


def test_a_sample_that_is_too_old_and_cannot_be_taken_anew_journals_nothing(desk: Desk) -> None:
    governor_sample()
    plan = desk.plan(notional="500")
    with locked_budgets():
        aged(2)
        with pytest.raises(OperationalError):
            hedge_open(plan=plan, attempt=None)
    assert not Hedge.objects.exists()
    assert not Order.objects.exists()
    assert desk.simulator.orders() == []


@pytest.mark.parametrize("seconds", [1.5, -5], ids=["older than a second", "from the future"])
def test_a_sample_of_another_time_is_taken_anew_before_the_journal_writes(desk: Desk, seconds: float) -> None:
    governor_sample()
    plan = desk.plan(notional="500")
    aged(seconds)
    old = GovernorSample.objects.latest("id").pk
    hedge = hedge_open(plan=plan, attempt=None).hedge
    newer = GovernorSample.objects.get(pk__gt=old)
    assert newer.at <= hedge.created_at


def test_what_the_new_sample_finds_stops_the_entry_that_asked_for_it(desk: Desk) -> None:
    hedge_open(plan=desk.plan(notional="500"), attempt=None)
    with acting_as(Actor(name="alice", role="operator", channel="api")):
        limit_change(name="MAX_TOTAL_NOTIONAL_USD", value=D(100), reason="less")
    plan = desk.plan("ETHUSDT", notional="500")
    aged(2)
    with pytest.raises(RefusedError) as refused:
        hedge_open(plan=plan, attempt=None)
    assert refused.value.code == "hold_active"
    assert Hedge.objects.count() == 1
