"""How the harness counts, prints and keeps."""

from pathlib import Path

import pytest

from tools.chaos import results
from tools.chaos.ground import DIVISOR
from tools.chaos.results import CaseRun, Ledger, table
from tools.chaos.summary import results as figures


def ledger() -> Ledger:
    made = Ledger()
    made.add(CaseRun("crashes", "A4 pre_send", 1, injected=True))
    made.add(CaseRun("crashes", "A4 pre_send", 2, injected=False, violations=("I2 twice", "I4 unknown")))
    return made


def test_the_table_counts_what_struck_and_names_the_failing_seed() -> None:
    line = table(ledger().tallies.values()).splitlines()[-1]
    assert line.split() == ["crashes:", "A4", "pre_send", "2", "1", "1", "2", "2"]


def test_the_counts_of_a_group_survive_its_process(tmp_path: Path) -> None:
    made = ledger()
    made.figures["crashes_count"] = 2
    made.dump(tmp_path / "group")
    read = Ledger()
    read.load(tmp_path / "group")
    assert (read.tallies, read.figures) == (made.tallies, made.figures)


def test_a_failing_seed_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "REGRESSIONS", tmp_path / "regressions.json")
    assert results.keep(ledger().tallies.values()) == 1
    assert results.keep(ledger().tallies.values()) == 0
    assert [(row["case"], row["seed"]) for row in results.regressions()] == [("A4 pre_send", 2)]


def test_the_report_says_how_the_waits_were_shortened_and_what_failed() -> None:
    rows = {row.name: row for row in figures(ledger())}
    title = f"crash points A1 to A19, waits divided by {DIVISOR}"
    assert (rows[f"{title}: executed"].value, rows[f"{title}: the fault struck"].value) == (2, 1)
    assert rows[f"{title}: oracle violations"].ok is False
