"""Reports and exports: stable sections, no formulas, no secrets, the right readers."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from audit.models import AuditRecord
from risk.services.hold import hold_engage
from tests.access.people import Cast
from tests.console.hedges import make_hedge
from tests.environment import SECRETS

pytestmark = pytest.mark.django_db(transaction=True)
SECTIONS = [
    "generated_at",
    "runtime",
    "safety",
    "autopilot",
    "pnl",
    "positions_snapshot",
    "partial_hedges",
    "strategy_status",
    "strategy_budgets",
    "per_strategy_pnl",
    "strategy_controls",
    "approvals",
    "operator_actions",
    "audit",
    "alerts",
]


def test_the_ops_report_has_its_sections_in_order(cast: Cast) -> None:
    found = cast.vera.get("/api/ui/ops_report").json()
    assert list(found) == SECTIONS
    assert found["audit"][0]["chain_head"]["seq"] > 0


def test_the_csv_is_the_same_report_and_starts_no_formula(cast: Cast) -> None:
    with cast.alice.acting():
        hold_engage(reason='=HYPERLINK("http://evil.example")', source="alice")
    answer = cast.vera.get("/api/ui/ops_report.csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline="")))
    assert rows[0] == ["section", "key", "value"]
    assert {row[0] for row in rows[1:]} <= set(SECTIONS)
    assert ["safety", "hold_reason", '\'=HYPERLINK("http://evil.example")'] in rows
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))] == []


def test_a_snapshot_is_a_file_a_record_and_the_answer(cast: Cast, data_dir: Path) -> None:
    make_hedge(status="partial")
    answer: Any = cast.otto.post("/api/ui/snapshot").json()
    files = list((data_dir / "snapshots").glob("*.json"))
    assert len(files) == 1
    stored = json.loads(files[0].read_text())
    assert answer["file"].endswith(files[0].name)
    assert stored["runtime"] == answer["runtime"]
    assert len(stored["partial_hedges"]) == 1
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert AuditRecord.objects.get(action="snapshot").target == files[0].name


def test_the_snapshot_is_for_auditors_and_operators(cast: Cast) -> None:
    assert cast.vera.get("/api/ui/snapshot").status_code == 403
    assert cast.vera.post("/api/ui/snapshot").status_code == 403
    assert cast.alice.get("/api/ui/snapshot").status_code == 200


def test_the_daily_report_counts_a_day_and_says_when_there_is_none(cast: Cast) -> None:
    make_hedge()
    found = cast.vera.get("/api/ui/daily_report").json()
    assert found["available"] is True
    assert found["report"]["real"]["opened"] == 1
    assert found["report"]["real"]["realized_pnl_usdt"] is None
    assert cast.vera.get("/api/ui/daily_report?day=2999-01-01").json() == {"available": False, "report": None}
    assert cast.vera.get("/api/ui/daily_report?day=2026-02-31").status_code == 400
    assert cast.vera.post("/api/ui/report/daily").status_code == 403
    assert cast.alice.post("/api/ui/report/daily").status_code == 200


def test_the_audit_snapshot_shows_what_was_done_without_details(cast: Cast) -> None:
    with cast.alice.acting():
        hold_engage(reason="x", source="alice")
    found = cast.vera.get("/api/ui/audit_snapshot").json()
    assert found["entries"][0]["action"] == "hold"
    assert "details" not in found["entries"][0]
    assert {"mode", "exposure", "strategies", "universe", "build_version", "chain_head"} <= set(found)


@pytest.mark.parametrize(
    "path", ["ops_report", "ops_report.csv", "audit_snapshot", "snapshot", "status/overview", "state"]
)
def test_no_secret_stands_in_an_answer(cast: Cast, path: str) -> None:
    text = cast.otto.get(f"/api/ui/{path}").content.decode()
    assert [name for name, secret in SECRETS.items() if secret in text] == []
    assert cast.otto.token not in text
