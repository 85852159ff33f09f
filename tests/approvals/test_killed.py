"""A process that dies while it approves: executed once or not at all, and the request says which."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from approvals.models import ApprovalExecution
from approvals.registry import GuardedAction, guarded_action
from approvals.services import approval_request
from audit.models import AuditRecord, OpsAlert
from audit.services import verify
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("where", "status", "executions"), [("inside", "pending", 0), ("after", "executed", 1)])
def test_a_killed_process_leaves_one_execution_or_none(
    cast: Cast, lamp: Lamp, where: str, status: str, executions: int
) -> None:
    guarded_action(GuardedAction("killed", lambda p: p, lambda p: "Be killed", lambda p: ({}, {}), lambda r, p: {}))
    with cast.alice.acting():
        row = approval_request(action="killed", payload={}, reason="to see")
    name = connection.settings_dict["NAME"]
    base = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/propbot").rpartition("/")[0]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{base}/{name}",
        "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "propbot.settings",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.approvals.killed_approver", str(row.pk), "bob", APPROVE_TOKEN, where]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 9, done.stderr[-500:]
    row.refresh_from_db()
    assert row.status == status
    assert ApprovalExecution.objects.count() == executions
    assert OpsAlert.objects.filter(kind="executed").count() == executions
    assert AuditRecord.objects.filter(action="killed", status="executed").count() == executions
    assert verify().sound
