"""A database that ends a session is away, not wrong: 503 with Retry-After, and a HOLD is tried again."""

from threading import Event
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, InternalError, OperationalError, connection
from django.db.transaction import atomic
from django.test import override_settings

from propbot.http.exceptions import handler
from risk.selectors import desk_read
from risk.services import hold
from tests.access.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def session_ended() -> None:
    """Idle in a transaction for longer than the database allows, as a process without processor time is."""
    with atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        Event().wait(0.3)
        cursor.execute("SELECT 1")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_a_session_that_the_database_ended_is_an_outage() -> None:
    with pytest.raises(DatabaseError) as caught:
        session_ended()
    answer = handler(caught.value, {})
    assert answer is not None
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (caused(InternalError(), psycopg.errors.IdleInTransactionSessionTimeout()), 503),
        (OperationalError(), 503),
        (InterfaceError(), 503),
        (caused(InternalError(), psycopg.errors.InFailedSqlTransaction()), None),
        (InternalError(), None),
        (IntegrityError(), None),
    ],
)
def test_only_an_outage_is_answered_as_one(error: Exception, status: int | None) -> None:
    answer = handler(error, {})
    assert (answer.status_code if answer else None) == status


def test_a_hold_whose_session_was_ended_is_engaged_by_the_next_try(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    tries = []

    def engage(reason: str, source: str) -> Any:
        tries.append(reason)
        if len(tries) == 1:
            session_ended()
        return original(reason, source)

    original = hold._engage
    monkeypatch.setattr(hold, "_engage", engage)
    before = desk_read().hold_id
    with override_settings(DATA_DIR=tmp_path):
        answer = cast.alice.post("/api/ui/hold", {"reason": "stop"})
    assert (answer.status_code, answer.json()["hold_id"], len(tries)) == (200, before + 1, 2)
