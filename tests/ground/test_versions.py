"""A build serves only on the schema that it was made for (RELIABILITY D9): N against N-1 and N+1."""

import os
import subprocess
import sys

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from propbot.upkeep.versions import schema_trouble
from tests.addresses import database_url
from tests.environment import SECRETS
from tests.house.source import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
START = "import django; django.setup(); from propbot.checks import start_process; start_process()"


@pytest.fixture
def recorder() -> MigrationRecorder:
    return MigrationRecorder(connection)


def started() -> subprocess.CompletedProcess[str]:
    """A process that starts as every serving one does, on this test's database."""
    environ = {**SECRETS, "PATH": os.environ["PATH"], "DATA_DIR": os.environ["DATA_DIR"]}
    environ |= {"DATABASE_URL": database_url(), "REDIS_URL": os.environ["REDIS_URL"]}
    environ["DJANGO_SETTINGS_MODULE"] = "propbot.settings"
    return subprocess.run((sys.executable, "-c", START), cwd=ROOT, env=environ, capture_output=True, text=True)


def test_the_schema_of_this_build_is_its_own() -> None:
    assert schema_trouble() is None


def test_an_older_and_a_newer_schema_stop_the_start_with_the_cure(recorder: MigrationRecorder) -> None:
    last = max(key for key in recorder.applied_migrations() if key[0] == "risk")
    recorder.record_unapplied(*last)
    try:
        assert schema_trouble() == f"the schema is older than this build: {'.'.join(last)} is not applied"
    finally:
        recorder.record_applied(*last)
    recorder.record_applied("risk", "9999_of_tomorrow")
    try:
        found = started()
    finally:
        recorder.record_unapplied("risk", "9999_of_tomorrow")
    assert found.returncode == 78, found.stderr
    assert "[FATAL CONFIG] DATABASE_URL: the schema is newer than this build: risk.9999_of_tomorrow" in found.stderr
    assert "manage.py migrate" in found.stderr


def test_a_schema_of_another_app_is_nobodys_concern(recorder: MigrationRecorder) -> None:
    recorder.record_applied("another_app", "0001_initial")
    try:
        assert schema_trouble() is None
    finally:
        recorder.record_unapplied("another_app", "0001_initial")
