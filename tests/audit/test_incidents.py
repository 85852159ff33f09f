"""Every HOLD that the desk engages by itself leaves a bundle that can be proven without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from audit.models import AuditRecord, OpsAlert
from audit.services import checkpoint_write, record
from propbot.console.services.incidents import incidents_write
from risk.services.desk import hold_engage
from tests.access.people import Cast, cast  # noqa: F401 - a fixture
from tests.environment import SECRETS

pytestmark = pytest.mark.django_db(transaction=True)
VERIFIER = Path(__file__).resolve().parents[2] / "tools" / "verify_incident_offline.py"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path) -> object:
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path


def bundles() -> list[Path]:
    return sorted(path for path in (Path(settings.DATA_DIR) / "incidents").glob("*") if path.is_dir())


def bundled() -> Path:
    record(action="something_before", target="desk", details={"password": "canary-in-details"})
    checkpoint_write(event="minute")
    hold_engage(reason="the loss cap was reached", source="governor")
    assert incidents_write() == 1
    return bundles()[0]


def verdict(folder: Path, **extra: str) -> tuple[int, str]:
    environ = {"PATH": os.environ["PATH"], "AUDIT_HMAC_KEY": SECRETS["AUDIT_HMAC_KEY"], **extra}
    command = [sys.executable, str(VERIFIER), str(folder)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip()


def test_an_automatic_hold_is_bundled_once_and_recorded(transactional_db: None) -> None:
    folder = bundled()
    assert incidents_write() == 0
    names = {path.name for path in folder.iterdir()}
    assert names == {"snapshot.json", "venue_answers.json", "audit.jsonl", "checkpoints.jsonl", "manifest.json"}
    assert AuditRecord.objects.get(action="incident_bundle").target == folder.name
    assert OpsAlert.objects.filter(kind="incident_bundle").count() == 1
    assert json.loads((folder / "snapshot.json").read_text())["safety"]["hold_source"] == "governor"
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_a_hold_that_people_asked_for_is_not_an_incident(cast: Cast) -> None:  # noqa: F811
    with cast.alice.acting():
        hold_engage(reason="lunch", source="alice")
    hold_engage(reason="kill requested", source="kill")
    assert incidents_write() == 0
    assert bundles() == []


def test_the_bundle_is_sound_without_propbot(transactional_db: None) -> None:
    code, text = verdict(bundled())
    assert (code, text.startswith("sound: ")) == (0, True), text


def test_it_carries_no_secret(transactional_db: None) -> None:
    folder = bundled()
    assert all(b"canary-in-details" not in path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize("name", ["snapshot.json", "venue_answers.json", "audit.jsonl", "checkpoints.jsonl"])
def test_a_changed_file_is_found(transactional_db: None, name: str) -> None:
    folder = bundled()
    path = folder / name
    path.write_bytes(path.read_bytes().rstrip(b"\n") + b" \n")
    assert verdict(folder) == (1, f"{name} is not the file that the manifest names")


def test_a_removed_or_added_file_is_found(transactional_db: None) -> None:
    folder = bundled()
    (folder / "extra.json").write_text("{}")
    assert verdict(folder)[0] == 1
    (folder / "extra.json").unlink()
    (folder / "snapshot.json").unlink()
    assert verdict(folder)[0] == 1


def test_a_manifest_that_was_made_anew_does_not_pass(transactional_db: None) -> None:
    folder = bundled()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["at"] = "2020-01-01T00:00:00.000000Z"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert verdict(folder) == (1, "the manifest is not signed by this key")
