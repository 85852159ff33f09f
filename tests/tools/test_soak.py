"""The soak's arithmetic and its judge, against histories and states that are wrong on purpose."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.acceptance.desk import wait_for
from tests.engine import oracle
from tools import reports
from tools.soak import __main__ as tool
from tools.soak import faults, judge, memory, rounds
from tools.soak.drift import Sample, drift_of, drifts
from tools.soak.judge import Judge, lasting, positions_of, secrets_in, uneven
from tools.soak.operators import PatienceError
from tools.soak.results import results, weight_results


def life(role: str, pid: int, begins: float, *mib: float, every: float = 60.0) -> list[Sample]:
    return [Sample(role, pid, begins + every * n, size + 50, size) for n, size in enumerate(mib)]


def test_a_process_that_grows_by_a_megabyte_a_minute_drifts_by_sixty_an_hour() -> None:
    drift = drift_of("web", life("web", 1, 0, *(100.0 + n for n in range(20))), warm_seconds=0)
    assert drift.mib_per_hour == pytest.approx(60)
    assert (drift.minutes, drift.peak_rss_mib, drift.processes) == (19, 169.0, 1)


def test_the_beginning_of_a_process_is_no_drift() -> None:
    samples = life("web", 1, 0, 10, 60, 110, *(120.0 for _ in range(15)))
    assert drift_of("web", samples, warm_seconds=180).mib_per_hour == 0


def test_a_restart_at_another_height_is_no_drift() -> None:
    samples = life("web", 1, 0, *(100.0,) * 10) + life("web", 2, 700, *(160.0,) * 10)
    drift = drift_of("web", samples, warm_seconds=0)
    assert (drift.mib_per_hour, drift.processes) == (0, 2)


def test_two_lives_that_grow_alike_have_one_slope() -> None:
    samples = life("web", 1, 0, 100, 101, 102, 103) + life("web", 2, 300, 90, 91, 92)
    assert drift_of("web", samples, warm_seconds=0).mib_per_hour == pytest.approx(60)


def test_a_role_that_always_dies_young_is_not_judged() -> None:
    found = drifts(life("beat", 1, 0, 10, 20, 30))
    assert [drift.known for drift in found] == [False]
    assert [row.ok for row in weight_results(found)] == [None, None]


def test_growth_beyond_the_bound_is_missed() -> None:
    rows = weight_results(drifts(life("web", 1, 0, *(100.0 + n for n in range(40)))))
    assert [row.ok for row in rows] == [None, False]


def test_the_kernel_is_asked_for_the_children_of_a_parent_by_name(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], env={'PROCESS': 'stream'})"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        wait_for("its child", lambda: memory.roles(parent.pid), lambda found: set(found) == {"stream"}, 20)
        (sample,) = wait_for("its weight", lambda: memory.look(parent.pid, 5.0), bool, 20)
        assert (sample.role, sample.at_seconds) == ("stream", 5.0)
        assert sample.rss_mib > sample.private_mib > 0
    finally:
        parent.communicate(b"\n", timeout=20)


def test_the_services_of_a_desk_are_known_by_their_programs(tmp_path: Path) -> None:
    from propbot.supervisor.services import running_services

    tmp_path.chmod(0o711)
    with running_services(tmp_path, database=False):
        assert "valkey" in memory.roles(os.getpid())


class Ground:
    """Takes note of what a fault does to it. Its processes are harmless ones of the test."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.held = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def pid_of(self, role: str) -> int:
        return self.processes.setdefault(role, subprocess.Popen(["/bin/sleep", "60"])).pid

    def simulator_fault(self, body: dict[str, Any]) -> None:
        self.posted.append(body)

    def hold(self) -> None:
        self.held += 1


@pytest.fixture
def ground() -> Iterator[Ground]:
    made = Ground()
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()


def test_a_bag_holds_every_fault_once_before_any_comes_again() -> None:
    drawn = faults.bag(Random(1))  # noqa: S311
    first = [next(drawn).name for _ in faults.KINDS]
    assert sorted(first) == sorted({kind.name for kind in faults.KINDS})
    assert [next(drawn).name for _ in faults.KINDS] != first
    again = faults.bag(Random(1))  # noqa: S311
    assert [next(again).name for _ in faults.KINDS] == first


@pytest.mark.parametrize("kind", faults.KINDS, ids=lambda kind: kind.name)
def test_every_fault_strikes_and_says_what_it_did(
    kind: faults.FaultKind, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trading.simulator.faults import FaultBoard

    monkeypatch.setattr(faults, "FREEZE_SECONDS", 0.1)
    assert kind.strike(ground, Random(1))  # noqa: S311
    board = FaultBoard()
    for body in ground.posted:
        board.post(body, faults.VENUES, 0)
    assert len(ground.posted) + ground.held + len(ground.processes) == 1
    for process in ground.processes.values():
        assert "frozen" in kind.name or process.wait(10) < 0


def test_a_killed_process_died_of_the_signal_named(ground: Ground) -> None:
    kind = next(kind for kind in faults.KINDS if kind.name == "kill -9 of postgres")
    kind.strike(ground, Random(1))  # noqa: S311
    assert ground.processes["postgres"].wait(10) == -signal.SIGKILL


def test_what_stays_is_a_violation_and_what_passes_is_none() -> None:
    now = iter(range(100))
    looks = iter([["a", "b"], ["b"], ["b", "c"], ["b"], ["b"]])
    found = lasting(lambda: next(looks), seconds=3, wait=lambda _: None, clock=lambda: float(next(now)))
    assert found == ["b"]
    passing = iter([["a"], ["a"], []])
    assert lasting(lambda: next(passing), seconds=1, wait=lambda _: None) == []


def test_what_was_told_is_not_told_again() -> None:
    assert lasting(lambda: ["old"], seconds=0, known=frozenset({"old"})) == []


def test_two_sentences_that_take_turns_never_stay() -> None:
    now, looks = iter(range(100)), iter(["a", "b"] * 50)
    assert lasting(lambda: [next(looks)], seconds=5, wait=lambda _: None, clock=lambda: float(next(now))) == []


def test_venues_that_do_not_add_up_are_named_unless_the_desk_stands() -> None:
    rows = [
        {"venue": "binance-um", "symbol": "BTCUSDT", "quantity": "0.5"},
        {"venue": "okx-perp", "symbol": "BTCUSDT", "quantity": "-0.4"},
        {"venue": "okx-perp", "symbol": "ETHUSDT", "quantity": "0"},
    ]
    held = positions_of(rows)
    assert held == {("binance-um", "BTCUSDT"): Decimal("0.5"), ("okx-perp", "BTCUSDT"): Decimal("-0.4")}
    assert uneven(held, held=False) == ["BTCUSDT is uneven by 0.1 and no HOLD stands"]
    assert uneven(held, held=True) == []


def test_a_secret_in_a_log_is_named_by_its_beginning_alone(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("harmless\ntoken=very-secret-token\n")
    assert secrets_in(tmp_path, ["very-secret-token", "another"]) == ["I7 a secret stands in the logs: very..."]


class Venues:
    """The control side with what a wrong desk would have left there."""

    def __init__(self, orders: list[dict[str, Any]], positions: list[dict[str, Any]]) -> None:
        self.answers = {"/control/orders": {"orders": orders}, "/control/positions": {"positions": positions}}

    def __call__(self, path: str) -> Any:
        return self.answers[path]


def arrival(client_order_id: str, received_at: str, **more: Any) -> dict[str, Any]:
    row = {"venue": "binance-um", "symbol": "BTCUSDT", "client_order_id": client_order_id, "accepted": True}
    return {**row, "reduce_only": False, "received_at": received_at, **more}


@pytest.fixture
def own_id(db: None) -> str:
    from uuid import uuid4

    from trading import ids
    from trading.services.journal import installation_tag

    return ids.client_order_id(installation_tag(), uuid4(), "A", 1)


@pytest.mark.django_db
def test_a_fresh_desk_breaks_no_promise() -> None:
    assert Judge(Venues([], [])).look() == []


@pytest.mark.django_db
def test_a_position_that_no_row_explains_is_a_violation() -> None:
    from tests.engine.desk import desk_running

    desk_running()
    held = [{"venue": "okx-perp", "symbol": "BTCUSDT", "quantity": "0.2"}]
    assert Judge(Venues([], held)).look() == [
        "books of ('okx-perp', 'BTCUSDT') say 0, the venue 0.2",
        "BTCUSDT is uneven by 0.2 and no HOLD stands",
    ]


@pytest.mark.django_db
def test_an_order_sent_twice_and_never_journaled_is_two_violations(own_id: str) -> None:
    sent = [arrival(own_id, "2026-01-01T00:00:00Z"), arrival(own_id, "2026-01-01T00:00:01Z")]
    found = Judge(Venues(sent, [])).look()
    assert f"I2 ('binance-um', '{own_id}') was accepted 2 times" in found
    assert f"I4 {own_id} has no journal row" in found


@pytest.mark.django_db
def test_an_opening_order_under_a_standing_hold_is_a_violation(own_id: str) -> None:
    from risk.services.hold import hold_engage

    hold_engage(reason="soak", source="test")
    found = Judge(Venues([arrival(own_id, "2099-01-01T00:00:00Z")], [])).look()
    assert any(sentence.startswith(f"I3 {own_id} was accepted after HOLD") for sentence in found)


@pytest.mark.django_db
def test_a_cut_audit_chain_is_a_violation() -> None:
    from unittest.mock import patch

    broken = SimpleNamespace(sound=False, finding="record 2 is gone")
    with patch.object(oracle, "verify", return_value=broken):
        assert Judge(Venues([], [])).look() == ["I6 the audit chain is broken: record 2 is gone"]


def test_venues_that_do_not_answer_are_said_to_be_silent() -> None:
    def silent(_: str) -> Any:
        raise httpx.ConnectError("refused")

    assert Judge(silent).look() == ["the judge cannot ask the venues: ConnectError"]


class QuietOperators:
    """Operators of a desk in which nothing ever moves, and which never runs."""

    accounts = {"base_url": "http://127.0.0.1:1"}

    def bring_to_run(self, seconds: float) -> None:
        raise PatienceError(f"the desk does not run after {seconds:g} s")

    def open_best(self) -> bool:
        return False

    def close_one(self, _: Random) -> bool:
        return False

    def simulator(self, path: str, method: str = "GET", body: Any = None) -> Any:
        return {"orders": [], "positions": []}

    def hold(self) -> None:
        return


def test_a_violation_carries_its_time_and_the_fault_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUN_SECONDS", "ORDER_SECONDS", "BACK_SECONDS", "SETTLED_SECONDS", "CALM_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(rounds, name, 0.01)
    made = rounds.Rounds(
        supervisor=os.getpid(),
        operators=QuietOperators(),  # type: ignore[arg-type]
        judge=Judge(lambda _: {}),
        seed=1,
        say=lambda _: None,
    )
    hold = next(kind for kind in faults.KINDS if kind.name == "HOLD by an operator")
    monkeypatch.setattr(made.judge, "look", list)
    made._trade(until=0)
    made._round(hold)
    sentences = {one.sentence: one.fault for one in made.tale.violations}
    assert sentences["the desk does not run after 0.01 s"] == rounds.NOBODY
    assert sentences["healthy again: not within 0.01 s"].endswith("HOLD by an operator")
    report = results(made.tale, [], minutes=60)
    rows = {row.name: row for row in report}
    assert rows["violations"].ok is False
    assert rows["rounds in which the desk did not trade"].value == 1
    assert [row.value for row in report if row.name.startswith("violation at")] == list(sentences)


def test_a_short_soak_is_not_called_an_hour() -> None:
    rows = {row.name: row.ok for row in results(rounds.Tale(), [], minutes=3)}
    assert (rows["minutes"], rows["violations"]) == (False, True)


def test_the_report_of_a_soak_has_the_shape_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "REPORTS", tmp_path)
    tale = rounds.Tale(violations=[rounds.Violation("12:00", "kill -9 of web", "books differ")], struck=["x"])
    path = reports.write_report("soak", results(tale, [], minutes=60), command="make soak", seed=7)
    body = json.loads(path.read_text())
    told = next(row for row in body["results"] if row["name"].startswith("violation at"))
    assert told == {
        "name": "violation at 12:00, after kill -9 of web",
        "value": "books differ",
        "unit": "",
        "target": "none",
        "ok": False,
    }


def test_the_options_of_a_soak_have_an_hour_as_their_default() -> None:
    assert tool.options_of([]).minutes == 60
    assert tool.options_of(["--minutes", "0.5", "--no-report"]).no_report is True
    with pytest.raises(SystemExit):
        tool.options_of(["--minutes", "0"])


@pytest.mark.django_db
def test_what_the_soak_left_in_the_rows_is_counted() -> None:
    found = judge.counted()
    assert found["critical alerts"] == (0, "alerts")
    assert found["audit records, all verified"] == (0, "records")
