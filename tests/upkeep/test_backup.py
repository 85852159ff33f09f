"""Making a backup: whole, private, read back; and no word of the desk in it without the key (RELIABILITY H34)."""

import io
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from approvals.choices import Role
from approvals.services.people import person_create, token_issue
from audit.models import AuditRecord
from audit.services import checkpoint_write, record
from propbot.config import values
from propbot.console.services.backup import backup_folder, backup_make, backup_read, backups_prune
from propbot.upkeep.backup import tables
from propbot.upkeep.selectors import heartbeat_ages
from tests.environment import SECRETS
from tests.upkeep.conftest import BACKUP_KEY
from trading.runtime.mixture import mixtures

pytestmark = pytest.mark.django_db(transaction=True)
NEEDLE = "a-reason-that-nobody-else-would-write"


def backed_up() -> Path:
    return backup_make(folder=backup_folder()).path


def test_a_backup_names_every_table_and_the_end_of_the_trail(data_dir: Path) -> None:
    record(action="look", details={"reason": NEEDLE})
    checkpoint_write(event="minute")
    made = backup_make(folder=backup_folder())
    tables = {one["name"]: one for one in made.manifest["members"] if one["kind"] == "table"}
    assert tables["table/audit_auditrecord"]["rows"] == 1
    assert {"table/risk_deskstate", "table/trading_order", "table/auth_user"} <= set(tables)
    assert made.manifest["chain"]["seq"] == 1
    assert "data/audit/checkpoints.jsonl" in {one["name"] for one in made.manifest["members"]}
    assert made.audit_fault is None
    assert backup_read(made.path) == made.manifest


def test_it_is_private_and_holds_nothing_readable(data_dir: Path) -> None:
    record(action="look", details={"reason": NEEDLE})
    path = backed_up()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert NEEDLE.encode() not in path.read_bytes()
    assert list(path.parent.glob("*.part")) == []


def test_the_secrets_store_travels_as_it_is(data_dir: Path, tmp_path: Path) -> None:
    store = tmp_path / "secrets.json"
    store.write_text('{"binance_key": "gAAAA-sealed"}')
    with override_settings(PROPBOT=values().replace(SECRETS_STORE_PATH=str(store))):
        made = backup_make(folder=backup_folder())
    assert "secrets/store.json" in {one["name"] for one in made.manifest["members"]}


def test_it_is_recorded_and_its_age_is_a_figure(data_dir: Path) -> None:
    path = backed_up()
    row = AuditRecord.objects.get(action="backup")
    assert row.details["file"] == path.name
    assert heartbeat_ages()["backup"] < 60


def test_a_backup_from_a_shell_with_other_settings_holds_nobody(data_dir: Path) -> None:
    with override_settings(PROPBOT=values().replace(MAX_LEVERAGE=Decimal(7))):
        backed_up()
    assert mixtures() == []


def test_without_a_key_nothing_is_written(data_dir: Path) -> None:
    with (
        override_settings(PROPBOT=values().replace(BACKUP_ENC_KEY="")),
        pytest.raises(CommandError, match="BACKUP_ENC_KEY"),
    ):
        call_command("backup")
    assert not list(data_dir.rglob("*.pbk"))


def test_a_broken_trail_is_backed_up_as_evidence_and_said(data_dir: Path) -> None:
    for number in range(3):
        record(action="step", details={"number": number})
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE audit_auditrecord SET person = 'mallory' WHERE seq = 2")
        cursor.execute("SET session_replication_role = DEFAULT")
    with pytest.raises(CommandError, match="broken at record 2"):
        call_command("backup")
    assert len(list(backup_folder().glob("*.pbk"))) == 1


def test_the_command_proves_a_backup_without_writing_one(data_dir: Path) -> None:
    path = backed_up()
    out = io.StringIO()
    call_command("backup", "--verify", str(path), stdout=out)
    assert out.getvalue().startswith("proven: ")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CommandError, match="cut off"):
        call_command("backup", "--verify", str(path))


def test_only_the_newest_are_kept_and_never_none(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"propbot-2026010{number}T000000Z-aaaaaaaa.pbk").touch()
    assert len(backups_prune(folder=tmp_path, keep=2)) == 2
    backups_prune(folder=tmp_path, keep=0)
    assert [path.name for path in tmp_path.iterdir()] == ["propbot-20260103T000000Z-aaaaaaaa.pbk"]


def test_the_database_holds_no_secret_that_a_dump_would_tell(data_dir: Path) -> None:
    """H34: what somebody who has the tables but no key can read."""
    person = person_create(name="alice", role=Role.OPERATOR, password="a-password-of-the-tests")
    token = token_issue(person=person, hours=1)
    record(action="look", details={"token": token, "approve_token": SECRETS["APPROVE_TOKEN"]})
    with transaction.atomic():
        dump = b"".join(part for table in tables.tables_now() for part in tables.copy_out(table))
    assert b"alice" in dump
    for word in (*SECRETS.values(), BACKUP_KEY, token, "a-password-of-the-tests"):
        assert word.encode() not in dump
