"""Back up, go on, restore: the desk stands, trades nothing, and says exactly what it lacks (RELIABILITY D8)."""

import json
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from approvals.choices import Role
from approvals.models import TokenNote
from approvals.services.people import person_create, token_issue
from audit.models import AuditRecord, OpsAlert
from audit.services import checkpoint_write, record, verify
from audit.services.checkpoints import checkpoints_path
from propbot.clock import utc_now
from propbot.config import values
from propbot.console.services.backup import backup_folder, backup_make
from propbot.console.services.restoring import Restored, restore
from propbot.errors import RefusedError
from propbot.upkeep.backup import tables
from propbot.upkeep.backup.cipher import BackupError
from propbot.upkeep.generation import generation_noted, generation_now
from propbot.upkeep.models import Generation
from risk import hold_file
from risk.models import DeskState
from risk.selectors import desk_read
from risk.services.desk import desk_start
from risk.services.lease import lease_acquire, lease_renew
from trading.models import ReconciliationRound
from trading.selectors.desk_checks import assert_reconciled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(data_dir: Path) -> Path:
    """A desk with a short history, and its backup."""
    person_create(name="alice", role=Role.OPERATOR)
    for number in range(5):
        record(action="step", details={"number": number})
    checkpoint_write(event="minute")
    return backup_make(folder=backup_folder()).path


def go_on(steps: int = 4) -> None:
    for number in range(steps):
        record(action="later", details={"number": number})
    checkpoint_write(event="raise_limit")


def back(path: Path, **options: object) -> Restored:
    return restore(path=path, replace_database=str(connection.settings_dict["NAME"]), **options)


def last_seq() -> int:
    return AuditRecord.objects.order_by("-seq").values_list("seq", flat=True)[0]


def test_it_says_exactly_what_it_lacks(backup: Path) -> None:
    go_on()
    known = last_seq()
    done = back(backup)
    head = done.manifest["chain"]["seq"]
    assert (done.lacking.head_seq, done.lacking.known_seq, done.lacking.records) == (head, known, known - head)
    assert f"{known - head} audit records, {head + 1} to {known}" in done.lacking.sentence
    assert "raise_limit" in done.lacking.sentence
    row = AuditRecord.objects.get(action="restore")
    assert row.seq == head + 1
    assert row.details["lacking"]["records"] == known - head
    assert OpsAlert.objects.filter(kind="desk_restored", severity="critical").count() == 1
    assert not AuditRecord.objects.filter(action="later").exists()


def test_nothing_is_lacking_right_after_the_backup(backup: Path) -> None:
    # The backup's own record and no more was written after its snapshot, and no checkpoint saw it.
    done = back(backup)
    assert done.lacking.records == 0
    assert done.generation.note == "Nothing that a checkpoint knows of is lacking."


def test_the_trail_verifies_and_the_newer_checkpoints_are_kept_as_evidence(backup: Path) -> None:
    go_on()
    newer = checkpoints_path().read_text().splitlines()
    done = back(backup)
    assert verify().sound
    aside = checkpoints_path().with_name(f"checkpoints-before-{done.generation.pk}.jsonl")
    assert [json.loads(line)["signature"] for line in aside.read_text().splitlines()] == [
        json.loads(line)["signature"] for line in newer
    ]
    record(action="goes on")
    checkpoint_write(event="minute")
    assert verify().sound


def test_a_checkpoint_kept_elsewhere_tells_of_more_than_the_directory_knows(backup: Path, tmp_path: Path) -> None:
    before = checkpoints_path().read_bytes()
    go_on()
    elsewhere = tmp_path / "from-the-chat.jsonl"
    elsewhere.write_bytes(checkpoints_path().read_bytes())
    checkpoints_path().write_bytes(before)
    assert back(backup, checkpoints=elsewhere).lacking.records > 0


def test_the_desk_stands_in_a_new_generation(backup: Path) -> None:
    before = desk_read()
    former = generation_now()
    done = back(backup)
    desk = desk_read()
    assert (desk.mode, desk.hold_active, desk.safe_mode, desk.dry_run) == ("HOLD", True, True, True)
    assert (desk.hold_source, desk.hold_file) == ("restore", True)
    assert desk.hold_id > before.hold_id
    assert (hold_file.read() or {})["hold_id"] == desk.hold_id
    assert done.generation.origin == Generation.Origin.RESTORED
    assert generation_now() == done.generation != former
    assert generation_noted() == str(done.generation.pk)


def test_a_trader_of_the_lost_time_is_fenced(backup: Path) -> None:
    epoch = lease_acquire("a-trader-of-the-lost-time")
    assert epoch is not None
    back(backup)
    assert DeskState.objects.get().trader_epoch > epoch
    assert not lease_renew("a-trader-of-the-lost-time", epoch)


def test_nothing_opens_before_a_new_start_has_reconciled(data_dir: Path) -> None:
    epoch = lease_acquire("before")
    assert epoch is not None
    for _ in range(2):
        now = utc_now()
        ReconciliationRound.objects.create(started_at=now, finished_at=now, trader_epoch=epoch, clean=True)
    assert_reconciled(epoch)
    back(backup_make(folder=backup_folder()).path)
    with pytest.raises(RefusedError, match="0 of 2 clean"):
        assert_reconciled(DeskState.objects.get().trader_epoch)
    started = lease_acquire("after")
    assert started is not None
    desk_start(epoch=started, build="test")
    assert not OpsAlert.objects.filter(kind="database_replaced").exists()
    with pytest.raises(RefusedError, match="0 of 2 clean"):
        assert_reconciled(started)
    for _ in range(2):
        now = utc_now()
        ReconciliationRound.objects.create(started_at=now, finished_at=now, trader_epoch=started, clean=True)
    assert_reconciled(started)


def test_revoked_tokens_do_not_live_again(data_dir: Path) -> None:
    token_issue(person=person_create(name="alice", role=Role.OPERATOR), hours=1)
    done = back(backup_make(folder=backup_folder()).path)
    assert not TokenNote.objects.exists()
    assert AuditRecord.objects.get(action="restore").details["voided"]["tokens"] == 1
    assert done.lacking.records == 0


def test_the_guards_of_the_database_are_back(backup: Path) -> None:
    before = sorted(tables.triggers_now())
    back(backup)
    assert sorted(tables.triggers_now()) == before
    with connection.cursor() as cursor, pytest.raises(Exception, match="append only"):
        cursor.execute("DELETE FROM audit_auditrecord")


def test_numbers_go_on_where_they_stood(backup: Path) -> None:
    alert_numbers = list(OpsAlert.objects.values_list("pk", flat=True))
    back(backup)
    newest = OpsAlert.objects.order_by("-pk").first()
    assert newest is not None
    assert newest.pk not in alert_numbers


def test_a_desk_is_replaced_only_by_its_name(backup: Path) -> None:
    with pytest.raises(CommandError, match="say --replace-database"):
        call_command("restore", str(backup))
    with pytest.raises(BackupError, match="holds a desk already"):
        restore(path=backup, replace_database="another")
    assert not AuditRecord.objects.filter(action="restore").exists()


def test_a_desk_that_still_runs_is_not_replaced(backup: Path) -> None:
    table = connection.settings_dict
    address = {"host": table["HOST"], "port": table["PORT"] or 5432, "user": table["USER"], "dbname": table["NAME"]}
    with (
        psycopg.connect(**address, password=table["PASSWORD"] or None, application_name="propbot-trader"),
        pytest.raises(BackupError, match="propbot-trader still use"),
    ):
        back(backup)


def test_a_changed_file_changes_nothing(backup: Path) -> None:
    go_on()
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(bytes(content))
    with pytest.raises(BackupError, match="was changed"):
        back(backup)
    assert AuditRecord.objects.filter(action="later").count() == 4


def test_a_failure_in_the_middle_changes_nothing(backup: Path, monkeypatch) -> None:
    go_on()

    def fails(rows: object) -> None:
        raise BackupError("the disk went away")

    monkeypatch.setattr(tables, "sequences_set", fails)
    with pytest.raises(BackupError, match="went away"):
        back(backup)
    assert AuditRecord.objects.filter(action="later").count() == 4
    assert len(tables.triggers_now()) > 5


def test_a_backup_of_another_schema_is_refused(backup: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('risk', '9999_newer', now())")
        try:
            with pytest.raises(BackupError, match=r"risk\.9999_newer"):
                back(backup)
        finally:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_newer'")


def test_checkpoints_that_tell_another_history_are_refused(backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with override_settings(DATA_DIR=other):
        record(action="elsewhere")
        checkpoint_write(event="minute")
        elsewhere = checkpoints_path()
    with pytest.raises(BackupError, match="different histories"):
        back(backup, checkpoints=elsewhere)


def test_an_existing_secrets_store_is_never_replaced(data_dir: Path, tmp_path: Path) -> None:
    store = tmp_path / "secrets.json"
    store.write_text('{"binance_key": "gAAAA-then"}')
    with override_settings(PROPBOT=values().replace(SECRETS_STORE_PATH=str(store))):
        path = backup_make(folder=backup_folder()).path
        store.write_text('{"binance_key": "gAAAA-now"}')
        assert back(path).kept == ("secrets/store.json",)
        assert "now" in store.read_text()
        store.unlink()
        assert back(path).files == ("secrets/store.json",)
        assert ("then" in store.read_text(), store.stat().st_mode & 0o777) == (True, 0o600)


def test_a_database_that_was_exchanged_by_hand_is_told_at_the_start(data_dir: Path) -> None:
    record(action="step")
    start_once()
    assert generation_noted() == str(generation_now().pk)
    Generation.objects.create(origin=Generation.Origin.INSTALLED)  # what another database would say
    start_once()
    assert OpsAlert.objects.filter(kind="database_replaced").count() == 1
    start_once()
    assert OpsAlert.objects.filter(kind="database_replaced").count() == 1


def test_a_database_that_was_set_back_by_hand_is_told_at_the_start(data_dir: Path) -> None:
    start_once()
    record(action="step")
    checkpoint_write(event="minute")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM audit_auditrecord WHERE action = 'step'")
        cursor.execute("SET session_replication_role = DEFAULT")
    start_once()
    life = generation_now()
    assert (life.origin, life.lost_records) == (Generation.Origin.REPLACED, 1)
    assert "a signed checkpoint saw" in life.note


def start_once() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE risk_traderlease SET expires_at = clock_timestamp() WHERE id = 1")
    epoch = lease_acquire("a-start")
    assert epoch is not None
    desk_start(epoch=epoch, build="test")


def test_the_data_directory_of_these_tests_is_their_own(data_dir: Path) -> None:
    assert data_dir == settings.DATA_DIR
