"""Many at once: exactly one execution, whoever wins."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection

from approvals.choices import RequestStatus, Role
from approvals.models import ApprovalExecution, ApprovalRequest
from approvals.services import (
    approval_confirm,
    approval_decide,
    approval_expire_for_hold,
    approval_request,
    approval_withdraw,
)
from approvals.services.people import role_set
from audit.services import audited, verify
from propbot.errors import RefusedError
from tests.access.people import APPROVE_TOKEN, Cast, Member, make_cast, member
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


def at_once(jobs: list[Callable[[], str]]) -> list[str]:
    """Run every job in a thread of its own, released together."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], str]) -> str:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        return list(pool.map(run, jobs))


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except RefusedError as error:
        return error.code
    except OperationalError:
        return "lock_timeout"
    return "done"


def approve(who: Member, row: ApprovalRequest) -> Callable[[], str]:
    def act() -> str:
        with who.acting():
            return outcome(lambda: approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN))

    return act


def asked(people: Cast) -> ApprovalRequest:
    with people.alice.acting():
        return approval_request(action="lamp_on", payload={}, reason="it is dark")


@pytest.mark.parametrize("deciders", [2, 10, 50])
def test_of_many_concurrent_confirms_exactly_one_executes(people: Cast, lamp: Lamp, deciders: int) -> None:
    row = asked(people)
    answers = at_once([approve(people.bob, row)] * deciders)
    assert answers.count("done") == 1
    assert set(answers) == {"done", "already_decided"}
    assert len(lamp.lit) == ApprovalExecution.objects.count() == 1
    assert verify().sound


def test_two_operators_at_once_execute_once(people: Cast, lamp: Lamp) -> None:
    carol = member("carol", Role.OPERATOR)
    row = asked(people)
    answers = at_once([approve(people.bob, row), approve(carol, row)] * 5)
    assert answers.count("done") == 1
    assert len(lamp.lit) == 1


def test_approving_and_withdrawing_at_once_has_one_winner(people: Cast, lamp: Lamp) -> None:
    for _ in range(10):
        row = asked(people)

        def withdraw(row: ApprovalRequest = row) -> str:
            return "withdrawn" if approval_withdraw(row=row, person=people.alice.person) else "too late"

        answers = at_once([approve(people.bob, row), withdraw])
        row.refresh_from_db()
        executed = row.status == RequestStatus.EXECUTED
        assert answers == (["done", "too late"] if executed else ["already_decided", "withdrawn"])
    assert len(lamp.lit) == ApprovalExecution.objects.count()


def test_a_hold_at_the_same_moment_wins_or_comes_after(people: Cast, lamp: Lamp) -> None:
    for _ in range(10):
        row = asked(people)
        lit_before = len(lamp.lit)

        def hold() -> str:
            with audited():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [0x50420001])
                lamp.hold_id += 1
                approval_expire_for_hold(hold_id=lamp.hold_id)
            return "held"

        answers = at_once([approve(people.bob, row), hold])
        row.refresh_from_db()
        assert answers[1] == "held"
        assert (answers[0] == "done") == (row.status == RequestStatus.EXECUTED) == (len(lamp.lit) == lit_before + 1)
        assert answers[0] in ("done", "hold_changed")


def test_a_role_lost_at_the_same_moment_is_before_or_after_never_between(people: Cast, lamp: Lamp) -> None:
    for _ in range(10):
        role_set(person=people.bob.person, role=Role.OPERATOR)
        row = asked(people)
        answers = at_once(
            [approve(people.bob, row), lambda: outcome(lambda: role_set(person=people.bob.person, role=None))]
        )
        row.refresh_from_db()
        assert answers[1] == "done"
        assert (answers[0] == "done") == (row.status == RequestStatus.EXECUTED)
        if row.status == RequestStatus.PENDING:
            assert answers[0] == "forbidden"
            approval_withdraw(row=row, person=people.alice.person)


def test_two_asking_at_once_leave_one_pending_request(people: Cast, lamp: Lamp) -> None:
    def ask(who: Member) -> Callable[[], str]:
        def act() -> str:
            with who.acting():
                return outcome(lambda: approval_request(action="lamp_on", payload={}, reason="dark"))

        return act

    answers = at_once([ask(people.alice), ask(people.bob)] * 5)
    assert ApprovalRequest.objects.filter(status=RequestStatus.PENDING).count() == 1
    assert sorted(set(answers)) == ["already_pending", "done"]


def test_confirming_by_name_from_many_hands_executes_once(people: Cast, lamp: Lamp) -> None:
    asked(people)

    def act() -> str:
        with people.bob.acting():
            return outcome(lambda: approval_confirm(action="lamp_on", token=APPROVE_TOKEN))

    assert at_once([act] * 10).count("done") == 1


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    yield
    connection.close()
