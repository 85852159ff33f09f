"""What raw SQL meets (law 3): the database says no by itself."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from approvals.models import ApprovalExecution, ApprovalRequest
from approvals.services import approval_decide, approval_request
from propbot.clock import database_now
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db

ATTACKS = {
    "another payload": "UPDATE approvals_approvalrequest SET payload = '{\"a\": 1}' WHERE id = %(id)s",
    "another digest": "UPDATE approvals_approvalrequest SET payload_digest = repeat('0', 64) WHERE id = %(id)s",
    "another requester": "UPDATE approvals_approvalrequest SET requested_by_id = %(bob)s WHERE id = %(id)s",
    "more time": "UPDATE approvals_approvalrequest SET expires_at = now() + interval '1 day' WHERE id = %(id)s",
    "another hold": "UPDATE approvals_approvalrequest SET hold_id = 99 WHERE id = %(id)s",
    "no second person needed": "UPDATE approvals_approvalrequest SET two_man = false WHERE id = %(id)s",
    "approved by the requester": """UPDATE approvals_approvalrequest
        SET status = 'approved', decided_by_id = requested_by_id, decided_at = now() WHERE id = %(id)s""",
    "approved by nobody": "UPDATE approvals_approvalrequest SET status = 'approved' WHERE id = %(id)s",
    "executed at once": """UPDATE approvals_approvalrequest
        SET status = 'executed', decided_by_id = %(bob)s, decided_at = now() WHERE id = %(id)s""",
    "a status that is none": "UPDATE approvals_approvalrequest SET status = 'blessed' WHERE id = %(id)s",
    "removed": "DELETE FROM approvals_approvalrequest WHERE id = %(id)s",
    "emptied": "TRUNCATE approvals_approvalrequest CASCADE",
    "an execution out of nothing": """INSERT INTO approvals_approvalexecution
        (approval_id, action, hold_id, person_id, txid, at) VALUES (%(id)s, 'lamp_on', 5, %(bob)s, 0, now())""",
}


@pytest.fixture
def row(cast: Cast, lamp: Lamp) -> ApprovalRequest:
    with cast.alice.acting():
        return approval_request(action="lamp_on", payload={"b": "2"}, reason="it is dark")


@pytest.mark.parametrize("name", list(ATTACKS))
def test_raw_sql_cannot_bend_a_request(row: ApprovalRequest, cast: Cast, name: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ATTACKS[name], {"id": row.pk, "bob": cast.bob.person.pk})
    held = ApprovalRequest.objects.get(pk=row.pk)
    assert (held.status, held.payload) == ("pending", {"b": "2"})


def test_a_decided_request_cannot_be_decided_back(row: ApprovalRequest, cast: Cast) -> None:
    with cast.bob.acting():
        approval_decide(approval_id=row.pk, approve=False, token=APPROVE_TOKEN)
    for status in ("pending", "approved", "executed"):
        with pytest.raises(DatabaseError), transaction.atomic():
            ApprovalRequest.objects.filter(pk=row.pk).update(status=status)


def test_a_request_cannot_be_born_decided(row: ApprovalRequest, cast: Cast) -> None:
    row.pk = uuid.uuid4()
    row.action, row.status = "lamp_dim", "approved"
    row.decided_by, row.decided_at = cast.bob.person, database_now()
    with pytest.raises(DatabaseError, match="begins pending"), transaction.atomic():
        row.save(force_insert=True)


def test_an_execution_is_kept_and_there_is_only_one(row: ApprovalRequest, cast: Cast) -> None:
    with cast.bob.acting():
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    for change in (
        lambda: ApprovalExecution.objects.update(txid=1),
        lambda: ApprovalExecution.objects.all().delete(),
        lambda: ApprovalExecution.objects.create(
            approval=row, action="lamp_on", hold_id=5, person=cast.bob.person, at=database_now()
        ),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_name_that_looks_like_another_is_refused_by_the_database(cast: Cast) -> None:
    for name in ("\u0430lice", "alice\u200b", "Alice", "al ice"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO approvals_person (id, name, active, created_at) VALUES (%s, %s, true, now())",
                [uuid.uuid4(), name],
            )
