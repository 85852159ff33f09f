"""How the harness counts, prints and keeps."""

from pathlib import Path

import pytest

from tools.chaos import results
from tools.chaos.ground import DIVISOR
from tools.chaos.results import LATE, RACES, RACES_PER_CASE, CaseRun, Ledger, table
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


def test_two_processes_share_the_seeds_of_a_case_and_their_counts_add_up(tmp_path: Path) -> None:
    shares = [Ledger(tmp_path / f"group.{part}", part=part, parts=2) for part in (0, 1)]
    todo = [share.seeds("crashes", "A4 pre_send", 5) for share in shares]
    assert sorted(todo[0] + todo[1]) == [1, 2, 3, 4, 5]
    whole = Ledger()
    for share, seeds in zip(shares, todo, strict=True):
        for seed in seeds:
            share.add(CaseRun("crashes", "A4 pre_send", seed, injected=seed != 3))
        share.figures = {"crashes_seconds": 2.5, "frozen_seconds": float(share.part)}
        share.save()
        whole.load(tmp_path / f"group.{share.part}")
    [tally] = whole.tallies.values()
    assert (tally.runs, tally.injected, tally.survived) == (5, 4, 5)
    assert whole.figures == {"crashes_seconds": 5.0, "frozen_seconds": 1.0}


def test_a_run_goes_on_where_it_stopped_and_repeats_what_failed(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "group.1", part=1, parts=2)
    done, failed, *left = first.seeds("episodes", "random episode", 8)
    first.add(CaseRun("episodes", "random episode", done, injected=True))
    first.add(CaseRun("episodes", "random episode", failed, injected=True, violations=("I2 twice",)))
    first.save()
    again = Ledger(tmp_path / "group.1", part=1, parts=2)
    again.resume()
    assert again.seeds("episodes", "random episode", 8) == [failed, *left]
    assert again.tallies["episodes", "random episode"].violations == 0
    with pytest.raises(ValueError, match="counted in 2 parts"):
        Ledger(tmp_path / "group.1", part=1, parts=3).resume()


def test_races_are_counted_from_what_was_run() -> None:
    made = ledger()
    made.add(CaseRun("holds", RACES, 1, injected=True))
    made.add(CaseRun("holds", RACES, 2, injected=True, violations=(f"{LATE}: PBabc",)))
    made.figures |= {"hold_race_p50_seconds": 0.004, "hold_race_p99_seconds": 0.02}
    rows = {row.name: row for row in figures(made)}
    assert rows["races of HOLD against send"].value == 2 * RACES_PER_CASE
    assert rows["opening orders after the answer, not named"].value == 1


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
