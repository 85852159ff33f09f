"""One round of each race, and what must be true after it. Loaded after Django.

Every race is about ``resume``: the action that lets the desk trade again, guarded by the database's own triggers.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

from django.db import OperationalError, connection, connections

from approvals.choices import RequestStatus, Role
from approvals.models import ApprovalExecution, ApprovalRequest
from approvals.services import approval_decide, approval_withdraw
from approvals.services.people import role_set
from audit.models import AuditRecord
from propbot.errors import RefusedError
from risk.models import DeskState
from risk.services.desk import hold_engage, resume_request
from tests.access.people import APPROVE_TOKEN, Member

Job = Callable[[], str]
GONE_SECONDS = 10.0
HEAD_START = 0.1


@dataclass
class Tally:
    """What a race showed: ``wrong`` names every round that broke a promise."""

    rounds: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, holds: bool) -> None:
        if not holds:
            self.wrong.append(f"round {self.rounds}: {what}")


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except RefusedError as error:
        return error.code
    except OperationalError as error:
        return f"database: {str(error).splitlines()[0][:60]}"
    return "done"


def soon(random_: random.Random, job: Job) -> Job:
    """The quicker of two starts a little later, at a chosen moment of the other's life: both must win sometimes."""
    pause = random_.uniform(0, HEAD_START)

    def act() -> str:
        time.sleep(pause)
        return job()

    return act


def at_once(pool: ThreadPoolExecutor, jobs: Sequence[Job]) -> list[str]:
    """Every job in a thread of its own, released together, with its connection already open."""
    barrier = Barrier(len(jobs))

    def run(job: Job) -> str:
        connection.ensure_connection()
        barrier.wait(timeout=30)
        return job()

    return list(pool.map(run, jobs))


def asked(who: Member) -> ApprovalRequest:
    """A new HOLD, and the request to resume from it."""
    hold_engage(reason="a round begins", source="operator")
    with who.acting():
        return resume_request(reason="race")


def approving(who: Member, row: ApprovalRequest) -> Job:
    def act() -> str:
        with who.acting():
            return outcome(lambda: approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN))

    return act


def executed(row: ApprovalRequest) -> bool:
    row.refresh_from_db()
    return row.status == RequestStatus.EXECUTED


def agree(tally: Tally, row: ApprovalRequest) -> bool:
    """The request, the execution row and the audit trail say the same; answers whether it was executed."""
    done = executed(row)
    executions = ApprovalExecution.objects.filter(approval=row).count()
    records = AuditRecord.objects.filter(action="resume", status="executed", details__request_id=str(row.pk)).count()
    tally.note(f"status {row.status}, {executions} executions, {records} records", executions == records == int(done))
    return done


def confirms(tally: Tally, pool: ThreadPoolExecutor, people: Sequence[Member], count: int) -> None:
    """``count`` confirms of one request by two operators: one is done, all others already decided."""
    asker, *deciders = people
    row = asked(asker)
    jobs = [approving(deciders[number % len(deciders)], row) for number in range(count)]
    answers = Counter(at_once(pool, jobs))
    tally.answers += answers
    tally.note(f"answers {dict(answers)}", answers == {"done": 1, "already_decided": count - 1})
    tally.note("it was not executed", agree(tally, row))
    tally.note("the desk is still held", not DeskState.objects.get(pk=1).hold_active)


def hold_meets_confirm(
    tally: Tally, pool: ThreadPoolExecutor, people: Sequence[Member], random_: random.Random
) -> None:
    """Whoever is first: in the end the desk is held, by a newer HOLD than the one that was asked about."""
    asker, decider, _ = people
    row = asked(asker)

    def hold() -> str:
        return outcome(lambda: hold_engage(reason="meanwhile", source="operator"))

    answers = at_once(pool, [approving(decider, row), soon(random_, hold)])
    tally.answers.update([answers[0]])
    done = agree(tally, row)
    desk = DeskState.objects.get(pk=1)
    tally.note(f"answers {answers}, executed {done}", answers[1] == "done" and (answers[0] == "done") == done)
    tally.note("the HOLD did not win", desk.hold_active and desk.hold_id > (row.hold_id or 0))


def role_lost_meets_confirm(
    tally: Tally, pool: ThreadPoolExecutor, people: Sequence[Member], random_: random.Random
) -> None:
    asker, decider, _ = people
    role_set(person=decider.person, role=Role.OPERATOR)
    row = asked(asker)

    def lose() -> str:
        return outcome(lambda: role_set(person=decider.person, role=None))

    answers = at_once(pool, [approving(decider, row), soon(random_, lose)])
    role_set(person=decider.person, role=Role.OPERATOR)
    tally.answers.update([answers[0]])
    done = agree(tally, row)
    fits = answers[1] == "done" and (answers[0] == "done") == done and answers[0] in ("done", "forbidden")
    tally.note(f"answers {answers}, executed {done}", fits)


def withdrawal_meets_confirm(
    tally: Tally, pool: ThreadPoolExecutor, people: Sequence[Member], random_: random.Random
) -> None:
    asker, decider, _ = people
    row = asked(asker)

    def withdraw() -> str:
        return "withdrawn" if approval_withdraw(row=row, person=asker.person) else "too late"

    answers = at_once(pool, [approving(decider, row), soon(random_, withdraw)])
    tally.answers.update([answers[0]])
    wanted = ["done", "too late"] if agree(tally, row) else ["already_decided", "withdrawn"]
    tally.note(f"answers {answers}, status {row.status}", answers == wanted)


def _others_are_gone() -> bool:
    """A killed client's backend ends by itself; until then it may still commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return bool(cursor.fetchone()[0] == 0)


def _approve_in_a_child(who: Member, row: ApprovalRequest) -> int:
    """A process of its own that approves; its id. Forked, so that nothing but the approval takes its time."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        approving(who, row)()
        os._exit(0)
    return child


def killed_while_confirming(tally: Tally, people: Sequence[Member], random_: random.Random, typical: float) -> None:
    """SIGKILL at a random moment of an approval's life: executed once or not at all, and the request says which."""
    asker, decider, _ = people
    row = asked(asker)
    child = _approve_in_a_child(decider, row)
    time.sleep(random_.uniform(0, typical * 1.1))
    os.kill(child, signal.SIGKILL)
    _, ended = os.waitpid(child, 0)
    until = time.monotonic() + GONE_SECONDS
    while not _others_are_gone() and time.monotonic() < until:
        time.sleep(0.005)
    done = agree(tally, row)
    tally.answers.update(["executed" if done else str(row.status), f"signal {os.WTERMSIG(ended)}"])
    tally.note(f"status {row.status}", done or row.status == RequestStatus.PENDING)
    tally.note("the desk disagrees", DeskState.objects.get(pk=1).hold_active is not done)


def typical_seconds(people: Sequence[Member], tries: int = 5) -> float:
    """How long an approval in a process of its own takes, the longest of a few."""
    taken = []
    for _ in range(tries):
        row = asked(people[0])
        began = time.monotonic()
        os.waitpid(_approve_in_a_child(people[1], row), 0)
        taken.append(time.monotonic() - began)
    return max(taken)
