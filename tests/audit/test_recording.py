"""Recorded or not done (law 4)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction

from audit.canonical import REDACTED
from audit.context import Actor, acting_as
from audit.models import AuditRecord, OpsAlert
from audit.services import alert, audited, record, verify
from propbot.errors import RecordingFailedError

pytestmark = pytest.mark.django_db(transaction=True)


def actions() -> list[str]:
    return list(AuditRecord.objects.order_by("seq").values_list("action", flat=True))


def work(fault: Exception | None = None) -> None:
    """An audited piece of work: a row of its own and a record."""
    with audited():
        alert(kind="work", severity="info", text="done")
        record(action="worked")
        if fault:
            raise fault


def test_the_work_and_its_records_commit_together() -> None:
    with audited():
        alert(kind="work", severity="info", text="done")
        record(action="first")
        record(action="second")
    assert actions() == ["first", "second"]
    assert OpsAlert.objects.count() == 1


def test_work_that_fails_leaves_neither_work_nor_record() -> None:
    with pytest.raises(ValueError, match="broken"):
        work(ValueError("broken"))
    assert actions() == []
    assert not OpsAlert.objects.exists()


def test_work_whose_record_cannot_be_written_is_not_done(settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(AUDIT_HMAC_KEY=None)
    with pytest.raises(RecordingFailedError):
        work()
    assert not OpsAlert.objects.exists()


def test_a_database_that_refuses_the_record_undoes_the_work() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditrecord RENAME TO elsewhere")
    try:
        with pytest.raises(RecordingFailedError):
            work()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO audit_auditrecord")
    assert not OpsAlert.objects.exists()


def test_an_inner_part_that_is_rolled_back_takes_its_records_along() -> None:
    with audited():
        record(action="outer")
        with pytest.raises(ValueError, match="inner"):
            work(ValueError("inner"))
    assert actions() == ["outer"]


def test_what_is_audited_is_durable_and_refuses_to_run_inside_another_transaction() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"), audited():
        record(action="first")


def test_outside_any_transaction_a_record_is_written_at_once() -> None:
    with acting_as(Actor(name="alice", person_id="p1", role="operator", channel="cli", ip="10.0.0.1")):
        record(action="look", target="desk", status="denied", details={"why": "because"})
    row = AuditRecord.objects.get()
    assert (row.person, row.person_id, row.channel, row.ip, row.status) == ("alice", "p1", "cli", "10.0.0.1", "denied")


def test_an_unknown_status_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="happened"):
        record(action="look", status="happened")


def test_secrets_never_enter_a_record() -> None:
    record(action="look", details={"approve_token": "hunter2-hunter2", "nested": [{"password": "hunter2-hunter2"}]})
    row = AuditRecord.objects.get()
    assert row.details == {"approve_token": REDACTED, "nested": [{"password": REDACTED}]}


def test_texts_that_postgresql_cannot_hold_are_held_all_the_same() -> None:
    record(action="look", target="nul \x00 and lone \ud800", details={"a\x00": "b\x00", "deep": [[[1.5]]]})
    assert verify().sound


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditrecord SET person = 'mallory'",
        "DELETE FROM audit_auditrecord",
        "TRUNCATE audit_auditrecord",
    ],
)
def test_the_database_refuses_to_change_the_trail(statement: str) -> None:
    record(action="look")
    with pytest.raises(DatabaseError, match="append only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert actions() == ["look"]


def test_querysets_cannot_change_the_trail_either() -> None:
    record(action="look")
    with pytest.raises(DatabaseError, match="append only"):
        AuditRecord.objects.update(person="mallory")
    with pytest.raises(DatabaseError, match="append only"):
        AuditRecord.objects.all().delete()


def test_the_database_refuses_a_record_that_does_not_continue_the_chain() -> None:
    record(action="look")
    row = AuditRecord.objects.get()
    row.seq, row.hash = 3, "f" * 64
    with pytest.raises(DatabaseError, match="does not continue"):
        row.save(force_insert=True)


def test_sixteen_writers_make_one_chain() -> None:
    def write(number: int) -> None:
        try:
            for turn in range(5):
                with audited():
                    record(action=f"writer-{number}", details={"turn": turn})
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(write, range(16)))
    assert AuditRecord.objects.count() == 80
    assert verify().sound


def test_an_alert_about_something_simulated_says_so() -> None:
    alert(kind="hedge", severity="info", text="opened", simulated=True)
    assert OpsAlert.objects.get().text == "opened DRY_RUN_MODE"
