import json
from pathlib import Path

import pytest

from tools import reports


def test_a_report_holds_what_repeats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "REPORTS", tmp_path)
    path = reports.write_report("bench", [reports.at_most("ratio", 1.25, "x", 1.3)], command="make bench", seed=7)
    body = json.loads(path.read_text())
    assert set(body) == {"date", "commit", "seed", "command", "results"}
    assert body["results"] == [{"name": "ratio", "value": 1.25, "unit": "x", "target": "<= 1.3", "ok": True}]
    assert list(tmp_path.iterdir()) == [path]


def test_a_missed_target_and_an_old_figure_say_so_on_the_page() -> None:
    report = {
        "date": "2026-11-22T00:00:00+00:00", "commit": "abc", "seed": None, "command": "make chaos",
        "results": [{"name": "violations", "value": 1, "unit": "", "target": "= 0", "ok": False}],
    }  # fmt: skip
    page = reports.render({"chaos": report}, lambda commit: commit == "abc")
    assert "**missed**" in page
    assert "older than the code" in page
    assert "older than the code" not in reports.render({"chaos": report}, lambda _: False)


def test_a_bound_that_is_not_a_number_is_not_met() -> None:
    assert reports.at_most("ratio", float("nan"), "x", 1.3).ok is False
    assert reports.exactly("violations", 0, "", 0).ok is True
