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
from propbot.clock import utc_now
from propbot.console.services.incidents import incidents_write
from risk.models import DeskState
from risk.services.desk import hold_engage
from tests.access.people import Cast, cast  # noqa: F401 - a fixture
from tests.console.hedges import make_hedge
from tests.environment import SECRETS
from trading.models import Order, OrderEvent, ReconciliationRound

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


RAW_ANSWERS = {
    "a body as text": {"raw": '{"apiKey": "canary-raw-1", "signature":"canary-raw-2", "code": -2015}'},
    "headers": {"headers": {"X-MBX-APIKEY": "canary-raw-3", "OK-ACCESS-PASSPHRASE": "canary-raw-4"}},
    "an address": {"url": "https://x/v1/order?symbol=BTCUSDT&signature=canary-raw-5&timestamp=1"},
    "deep inside": {"items": [{"info": {"listenKey": "canary-raw-6", "nested": {"secret": "canary-raw-7"}}}]},
    "a proxy's page": {"raw": "<html>postgres://desk:canary-raw-8@db/x Authorization: Bearer canary-raw-9</html>"},
}


def test_raw_answers_of_a_venue_are_redacted_in_the_bundle(transactional_db: None) -> None:
    hedge = make_hedge()
    leg = hedge.legs.first()
    now = utc_now()
    order = Order.objects.create(
        hedge=hedge, leg=leg, venue=leg.venue, symbol=hedge.symbol, client_order_id="PBtestraw", status="rejected",
        purpose="entry", side="buy", order_type="limit", reduce_only=False, simulated=False, quantity=leg.quantity,
        created_at=now, trader_epoch=1, outcome_text=RAW_ANSWERS["a body as text"]["raw"],
    )  # fmt: skip
    for details in RAW_ANSWERS.values():
        OrderEvent.objects.create(order=order, at=now, to_status="rejected", details=details)
    ReconciliationRound.objects.create(
        started_at=now, finished_at=now, clean=False, trader_epoch=1, summary=RAW_ANSWERS
    )
    folder = bundled()
    answers = (folder / "venue_answers.json").read_text()
    assert "PBtestraw" in answers
    assert "-2015" in answers, "what an operator needs is still there"
    assert "canary-raw" not in answers
    assert verdict(folder)[0] == 0


def test_a_secret_typed_into_the_reason_of_a_hold_stands_nowhere(transactional_db: None, data_dir: Path) -> None:
    """A chat or a shell does not come through the API's bodies, which redact by themselves."""
    hold_engage(reason="rotate, password=canary-typed-1 Bearer canary-typed-2", source="telegram")
    rows = [*DeskState.objects.values(), *AuditRecord.objects.values(), *OpsAlert.objects.values()]
    written = [path.read_text() for path in data_dir.rglob("*") if path.is_file()]
    assert "canary-typed" not in str(rows) + str(written)
    assert DeskState.objects.get().hold_reason == "rotate, password=[redacted] Bearer [redacted]"


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
