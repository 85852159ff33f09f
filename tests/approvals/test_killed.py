"""A process that dies while it approves or carries out: once or not at all, and the row says which."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from approvals.models import ApprovalExecution, SealedSecret
from approvals.registry import GuardedAction, guarded_action
from approvals.services import approval_request
from approvals.services.sealed import sealed_secrets_apply, secret_rotation_request, trader_key_ensure
from audit.models import AuditRecord, OpsAlert
from audit.services import verify
from propbot.crashpoints import CRASH_EXIT_CODE
from propbot.secrets_store import open_store
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

# Each case starts a process, which on a busy machine takes its time.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
VALUE = "the-new-okx-secret"


def run(module: str, *words: str, **more: str) -> int:
    """In a process of its own, on this test's database; its exit code."""
    name = connection.settings_dict["NAME"]
    base = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/propbot").rpartition("/")[0]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{base}/{name}",
        "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "propbot.settings",
        "PYTHONPATH": str(ROOT),
        **more,
    }
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 9, CRASH_EXIT_CODE), done.stderr[-1500:]
    return done.returncode


@pytest.mark.parametrize(("where", "status", "executions"), [("inside", "pending", 0), ("after", "executed", 1)])
def test_a_killed_process_leaves_one_execution_or_none(
    cast: Cast, lamp: Lamp, where: str, status: str, executions: int
) -> None:
    guarded_action(GuardedAction("killed", lambda p: p, lambda p: "Be killed", lambda p: ({}, {}), lambda r, p: {}))
    with cast.alice.acting():
        row = approval_request(action="killed", payload={}, reason="to see")
    assert run("tests.approvals.killed_approver", str(row.pk), "bob", APPROVE_TOKEN, where) == 9
    row.refresh_from_db()
    assert row.status == status
    assert ApprovalExecution.objects.count() == executions
    assert OpsAlert.objects.filter(kind="executed").count() == executions
    assert AuditRecord.objects.filter(action="killed", status="executed").count() == executions
    assert verify().sound


@pytest.mark.parametrize("point", ["secrets_draft_written", "secrets_replaced", "secret_stored", "secret_recorded"])
def test_a_trader_killed_while_it_takes_up_a_secret_has_it_and_says_so_once(
    cast: Cast, tmp_path: Path, point: str
) -> None:
    """RELIABILITY G8: until the row says applied the old value or the new one is in the store; then the new one."""
    path, changed = tmp_path / "secrets.json", {}
    changed["SECRETS_STORE_PATH"] = str(path)
    with override_settings(PROPBOT=settings.PROPBOT.replace(**changed), DATA_DIR=tmp_path):
        store = open_store(settings.PROPBOT)
        assert store is not None
        store.set("okx_secret", "the-old-okx-secret", now=timezone.now())
        trader_key_ensure()
        with cast.alice.acting():
            row = secret_rotation_request(name="okx_secret", value=VALUE, reason="90 days")
        answer = cast.bob.post(f"/api/ui/approvals/{row.pk}/approve", {"token": APPROVE_TOKEN})
        assert answer.status_code == 200
        assert run("tests.approvals.killed_trader", PROPBOT_CRASH_AT=point, **changed) == CRASH_EXIT_CODE
        sealed = SealedSecret.objects.get()
        assert (sealed.status, bool(sealed.sealed)) == ("approved", True)
        assert not AuditRecord.objects.filter(action="secret_apply").exists()
        found = open_store(settings.PROPBOT)
        assert found is not None
        assert found.get("okx_secret") == ("the-old-okx-secret" if point == "secrets_draft_written" else VALUE)

        assert sealed_secrets_apply() == 1
        found = open_store(settings.PROPBOT)
        assert found is not None
        assert found.get("okx_secret") == VALUE
    sealed.refresh_from_db()
    assert (sealed.status, sealed.sealed) == ("applied", "")
    assert AuditRecord.objects.filter(action="secret_apply", status="executed").count() == 1
    assert not [item for item in tmp_path.rglob("*") if item.is_file() and VALUE in item.read_text(errors="replace")]
    assert sorted(item.name for item in tmp_path.glob(".secrets*")) == [".secrets.json.lock"]
    assert verify().sound
