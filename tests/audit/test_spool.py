"""What must pass is kept on disk and enters the chain later, once."""

import json
from pathlib import Path

import pytest

from audit.models import AuditRecord, OpsAlert
from audit.services import spool, spool_ingest, verify

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_spooled_record_enters_the_chain_with_its_own_time_and_is_flagged() -> None:
    path = spool(action="hold", target="desk", details={"reason": "fire"})
    assert spool_ingest() == 1
    row = AuditRecord.objects.get()
    assert row.details["spooled"]["authentic"] is True
    assert row.details["reason"] == "fire"
    assert not path.exists()
    assert verify().sound


def test_a_record_that_was_ingested_before_the_crash_is_not_ingested_again(tmp_path: Path) -> None:
    path = spool(action="hold")
    content = path.read_text()
    spool_ingest()
    path.write_text(content)
    assert spool_ingest() == 0
    assert AuditRecord.objects.count() == 1


def test_a_forged_spool_file_is_ingested_and_called_what_it_is() -> None:
    path = spool(action="hold")
    document = json.loads(path.read_text())
    document["action"] = "resume"
    path.write_text(json.dumps(document))
    spool_ingest()
    assert AuditRecord.objects.get().details["spooled"]["authentic"] is False


def test_a_file_that_is_no_record_is_set_aside_with_an_alert() -> None:
    path = spool(action="hold")
    path.write_text("{")
    spool(action="cancel_all")
    assert spool_ingest() == 1
    assert path.with_suffix(".bad").exists()
    assert OpsAlert.objects.get().kind == "audit_spool_unreadable"


def test_while_nothing_can_be_recorded_the_spool_is_kept(settings) -> None:
    path = spool(action="hold")
    settings.PROPBOT = settings.PROPBOT.replace(AUDIT_HMAC_KEY=None)
    assert spool_ingest() == 0
    assert path.exists()
