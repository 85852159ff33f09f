"""The drill of the runbook with real processes: back up one database, restore into an empty second one."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from audit.services import checkpoint_write, record
from propbot.console.services.backup import backup_folder, backup_make
from tests.house.source import ROOT
from tests.upkeep.conftest import BACKUP_KEY

pytestmark = pytest.mark.django_db(transaction=True)


def server_address(database: str) -> str:
    table = connection.settings_dict
    word = f":{quote(table['PASSWORD'])}" if table["PASSWORD"] else ""
    return f"postgres://{table['USER']}{word}@{quote(table['HOST'], safe='')}:{table['PORT'] or 5432}/{database}"


@pytest.fixture
def second_database() -> Iterator[str]:
    name = f"propbot_restored_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server_address("postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        yield server_address(name)
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def manage(url: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(place), "BACKUP_ENC_KEY": BACKUP_KEY}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=180)


@pytest.mark.timeout(400)
def test_a_backup_comes_back_on_an_empty_server(data_dir: Path, tmp_path: Path, second_database: str) -> None:
    for number in range(20):
        record(action="step", details={"number": number})
    checkpoint_write(event="minute")
    path = backup_make(folder=backup_folder()).path
    for _ in range(3):
        record(action="later")
    checkpoint_write(event="hold")
    newer = Path(settings.DATA_DIR) / "audit" / "checkpoints.jsonl"
    place = tmp_path / "another-host"
    answer = manage(second_database, place, "restore", str(path), "--checkpoints", str(newer))
    # The backup's own record and three later ones: 21 to 24.
    assert "LACKING: 4 audit records, 21 to 24" in answer.stdout, answer.stderr
    assert answer.returncode == 3
    proof = manage(second_database, place, "verify_audit")
    assert proof.stdout.startswith("sound: 21 records"), proof.stderr
    with psycopg.connect(second_database) as restored:
        desk = restored.execute(
            "SELECT mode, hold_active, safe_mode, dry_run, hold_source FROM risk_deskstate"
        ).fetchone()
    assert desk == ("HOLD", True, True, True, "restore")
