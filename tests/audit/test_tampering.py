"""Whoever changes history is found: edit, delete, swap, truncate, rewrite with new hashes, delete all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from audit.canonical import GENESIS, canonical, record_hash
from audit.models import AuditRecord, OpsAlert
from audit.services import checkpoint_write, record, verify
from audit.services.checkpoints import checkpoints_path
from audit.services.verifying import verify_and_tell

pytestmark = pytest.mark.django_db(transaction=True)
VERIFIER = Path(__file__).resolve().parents[2] / "tools" / "verify_audit_offline.py"


@pytest.fixture
def trail() -> None:
    for number in range(1, 9):
        record(action="step", details={"number": number, "note": "ünïcode ✓"})
        if number in (4, 8):
            checkpoint_write(event="minute")


def as_owner(*statements: str) -> None:
    """The attack: an owner of the database turns the triggers off and changes rows."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")


def rewrite(key: bytes) -> None:
    """Recompute every hash after changing a record: with the key this is a perfect forgery of the table."""
    previous = GENESIS
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for row in AuditRecord.objects.order_by("seq"):
            row.previous_hash = previous
            row.details = {**row.details, "number": 100}
            previous = record_hash(key, row.hashed_fields())
            cursor.execute(
                "UPDATE audit_auditrecord SET previous_hash=%s, hash=%s, details=%s WHERE seq=%s",
                [row.previous_hash, previous, json.dumps(row.details), row.seq],
            )
        cursor.execute("SET session_replication_role = DEFAULT")


def own_key() -> bytes:
    return settings.PROPBOT.text("AUDIT_HMAC_KEY").encode()


ATTACKS: dict[str, tuple[Callable[[], None], int]] = {
    "edit": (lambda: as_owner("UPDATE audit_auditrecord SET person='mallory' WHERE seq=3"), 3),
    "edit details": (lambda: as_owner("UPDATE audit_auditrecord SET details='{}' WHERE seq=5"), 5),
    "delete": (lambda: as_owner("DELETE FROM audit_auditrecord WHERE seq=3"), 3),
    "swap": (
        lambda: as_owner(
            "UPDATE audit_auditrecord SET seq=100 WHERE seq=2",
            "UPDATE audit_auditrecord SET seq=2 WHERE seq=3",
            "UPDATE audit_auditrecord SET seq=3 WHERE seq=100",
        ),
        2,
    ),
    "truncate the tail": (lambda: as_owner("DELETE FROM audit_auditrecord WHERE seq>6"), 7),
    "rewrite with another key": (lambda: rewrite(b"guessed"), 1),
    "rewrite with the key itself": (lambda: rewrite(own_key()), 4),
    "delete all": (lambda: as_owner("DELETE FROM audit_auditrecord"), 1),
}


def test_an_untouched_trail_is_sound(trail: None) -> None:
    verdict = verify()
    assert (verdict.sound, verdict.records, verdict.checkpoints) == (True, 8, 2)
    call_command("verify_audit")
    call_command("verify_audit", "--from-checkpoint")


@pytest.mark.parametrize("name", list(ATTACKS))
def test_tampering_is_found_and_named(trail: None, name: str) -> None:
    attack, first_broken = ATTACKS[name]
    attack()
    verdict = verify()
    assert verdict.finding is not None
    assert verdict.finding.seq == first_broken
    with pytest.raises(CommandError, match=f"record {first_broken}"):
        call_command("verify_audit")


@pytest.mark.parametrize("name", list(ATTACKS))
def test_the_offline_verifier_finds_it_too(trail: None, name: str, tmp_path: Path) -> None:
    attack, _ = ATTACKS[name]
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    export(before)
    attack()
    export(after)
    assert run_verifier(before).returncode == 0
    assert run_verifier(after).returncode == 1


def export(path: Path) -> None:
    rows = AuditRecord.objects.order_by("seq")
    path.write_bytes(b"".join(canonical({**row.hashed_fields(), "hash": row.hash}) + b"\n" for row in rows))


def run_verifier(path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUDIT_HMAC_KEY": own_key().decode()}
    command = [sys.executable, str(VERIFIER), str(path), "--checkpoints", str(checkpoints_path())]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_offline_verifier_is_short_and_needs_no_django() -> None:
    text = VERIFIER.read_text()
    assert len(text.splitlines()) < 100
    assert "django" not in text.replace("no Django", "")


def test_tampering_behind_the_newest_checkpoint_is_found_from_there(trail: None) -> None:
    record(action="later")
    as_owner("UPDATE audit_auditrecord SET person='mallory' WHERE seq=9")
    verdict = verify(from_checkpoint=True)
    assert verdict.finding is not None
    assert verdict.finding.seq == 9


def test_a_checkpoint_that_was_changed_is_found(trail: None) -> None:
    lines = checkpoints_path().read_text().splitlines()
    changed = json.loads(lines[0])
    changed["count"] = changed["seq"] = 3
    checkpoints_path().write_text("\n".join([json.dumps(changed), lines[1]]) + "\n")
    verdict = verify()
    assert verdict.finding is not None
    assert "checkpoint 1" in verdict.finding.why


def test_a_checkpoint_removed_from_the_middle_is_found(trail: None) -> None:
    record(action="later")
    checkpoint_write(event="minute")
    lines = checkpoints_path().read_text().splitlines()
    checkpoints_path().write_text(lines[0] + "\n" + lines[2] + "\n")
    assert not verify().sound


def test_a_safety_event_is_checkpointed_at_once() -> None:
    record(action="hold")
    last = json.loads(checkpoints_path().read_text().splitlines()[-1])
    assert (last["event"], last["seq"], last["count"]) == ("hold", 1, 1)


def test_the_standing_proof_tells_operators_when_it_breaks(trail: None) -> None:
    verify_and_tell()
    assert not OpsAlert.objects.exists()
    as_owner("DELETE FROM audit_auditrecord WHERE seq=2")
    verify_and_tell()
    assert OpsAlert.objects.get().kind == "audit_broken"
