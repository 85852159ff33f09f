"""PostgreSQL fails in the middle of a hedge, and under writers (RELIABILITY D1, D2, D3, D6): real backends, really ended."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from propbot.errors import RefusedError
from risk.choices import ReservationStatus
from risk.models import DeskState, Reservation
from risk.services.hold import hold_engage
from risk.services.locks import with_lock_retry
from tests.addresses import database_url
from tests.engine.desk import Desk, wait_until
from tests.engine.oracle import violations
from tests.engine.test_faults import seen
from trading.choices import HEDGE_ENDED, ORDER_UNPROVEN, HedgeStatus
from trading.models import Hedge, Order
from trading.services.execution import hedge_open
from trading.services.recovery import hedges_settle, resolve_sweep

ALL = bool(os.environ.get("FAULTS"))
COMMITS = range(1, 9) if ALL else (1, 2, 3)
WRITERS, ROUNDS = 50, 40 if ALL else 4
SETTLED = {*HEDGE_ENDED, HedgeStatus.OPEN}
pytestmark = pytest.mark.django_db(transaction=True)


def end_backend(pid: int) -> None:
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@contextmanager
def backend_ends(number: int, *, committed: bool) -> Iterator[list[bool]]:
    """The backend of this thread's connection ends at its ``number``-th commit: before it, or with the answer lost."""
    real, here, counted, struck = BaseDatabaseWrapper._commit, threading.get_ident(), 0, [False]  # type: ignore[attr-defined]

    def commit(self: BaseDatabaseWrapper) -> None:
        nonlocal counted
        counted += threading.get_ident() == here
        if counted != number or struck[0] or threading.get_ident() != here:
            real(self)
            return
        struck[0] = True
        pid = self.connection.info.backend_pid
        if not committed:
            end_backend(pid)
            real(self)
        real(self)
        end_backend(pid)
        raise OperationalError("server closed the connection unexpectedly")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "_commit", commit)
        yield struck


def settled_without_a_restart(desk: Desk) -> bool:
    resolve_sweep(runtime=desk.runtime)
    hedges_settle(runtime=desk.runtime)
    return (
        not Hedge.objects.exclude(status__in=SETTLED).exists()
        and not Order.objects.filter(status__in=ORDER_UNPROVEN).exists()
    )


@pytest.mark.parametrize("committed", [True, False], ids=["d1-answer-lost", "d2-not-committed"])
@pytest.mark.parametrize("number", COMMITS)
def test_d1_d2_a_backend_that_ends_at_a_commit_leaves_no_leg_alone(desk: Desk, number: int, committed: bool) -> None:
    plan = desk.plan()
    with (
        backend_ends(number, committed=committed) as struck,
        suppress(DatabaseError, InterfaceError, RefusedError),
    ):
        hedge_open(plan=plan, attempt=None)
    connections.close_all()
    assert struck == [True]
    assert wait_until(lambda: settled_without_a_restart(desk), 30)
    assert desk.net() == 0
    assert violations(seen(desk)) == []
    assert not Reservation.objects.filter(status=ReservationStatus.HELD).exists()


@pytest.mark.parametrize("committed", [True, False])
def test_d1_a_hold_whose_commit_is_unknown_is_engaged_again_until_it_is_known(desk: Desk, committed: bool) -> None:
    with backend_ends(1, committed=committed) as struck:
        result = hold_engage(reason="the answer is lost", source="test")
    assert struck == [True]
    row = DeskState.objects.get(pk=1)
    assert (row.hold_active, row.hold_id) == (True, result.hold_id)


def together(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Run it in so many threads; what broke them."""
    broken: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return broken


@pytest.fixture
def counters() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fault_counter (id int PRIMARY KEY, value int NOT NULL)")
        cursor.execute("INSERT INTO fault_counter VALUES (0, 0), (1, 0)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE fault_counter")


def count_up(row: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE fault_counter SET value = value + 1 WHERE id = %s", [row])


def counted() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM fault_counter ORDER BY id")
        return [value for (value,) in cursor.fetchall()]


def test_d3_two_writers_in_a_deadlock_both_get_through(counters: None) -> None:
    meeting, tries = threading.Barrier(2), [0, 0]

    def write(number: int) -> None:
        def once() -> None:
            tries[number] += 1
            with transaction.atomic(durable=True):
                count_up(number)
                if tries[number] == 1:
                    meeting.wait(10)
                count_up(1 - number)

        with_lock_retry(once)

    assert together(2, write) == []
    assert counted() == [2, 2]
    assert max(tries) >= 2


def test_d6_fifty_writers_of_one_row_lose_no_update_and_see_no_error(counters: None) -> None:
    def write(_: int) -> None:
        def once() -> None:
            with transaction.atomic(durable=True):
                count_up(0)

        for _round in range(ROUNDS):
            with_lock_retry(once)

    assert together(WRITERS, write) == []
    assert counted() == [WRITERS * ROUNDS, 0]
