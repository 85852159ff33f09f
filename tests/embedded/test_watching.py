"""What the supervisor decides by itself: who hangs, which ports are taken, what is left over."""

import os
import socket
import time
from pathlib import Path

import pytest

from propbot.supervisor import embedded, kept
from propbot.supervisor.plan import read_plan
from propbot.supervisor.ports import port_trouble
from propbot.supervisor.pulse import HUNG_SECONDS, LOOK_SECONDS, Judge, Look
from tests.embedded.running import fresh_port, start

UP = dict.fromkeys(("web", "trader", "worker", "beat"), 600.0)
WELL = dict.fromkeys(UP, 1.0)


def judged(looks: list[Look], uptimes: dict[str, float] = UP) -> list[list[str]]:
    """After two minutes of health, one look each LOOK_SECONDS."""
    judge = Judge()
    now = 0.0
    for now in range(0, 120, 5):
        assert judge.hung(Look(WELL, fit=True), uptimes, float(now)) == []
    return [judge.hung(look, uptimes, now + LOOK_SECONDS * (number + 1)) for number, look in enumerate(looks)]


@pytest.mark.parametrize("name", list(UP))
def test_who_gives_no_sign_of_life_is_started_again_once(name: str) -> None:
    late = Look({**WELL, name: HUNG_SECONDS + 1}, fit=True)
    assert judged([late, late, late]) == [[], [name], []]


def test_one_late_look_is_no_reason() -> None:
    late = Look({**WELL, "trader": HUNG_SECONDS + 1}, fit=True)
    assert judged([late, Look(WELL, fit=True), late]) == [[], [], []]


def test_without_beat_an_old_canary_proves_nothing() -> None:
    silent = Look({**WELL, "beat": 40.0, "worker": 40.0, "trader": 40.0}, fit=True)
    assert judged([silent, silent]) == [[], ["beat"]]


def test_after_a_service_was_away_everybody_gets_time_to_come_back() -> None:
    away = Look({"web": 1.0}, fit=False)
    old = Look({**WELL, "worker": 60.0}, fit=True)
    assert judged([away, *[old] * 6]) == [[]] * 7
    assert judged([away, *[old] * 9])[-1] == ["worker"]


def test_who_has_just_been_started_is_left_in_peace() -> None:
    late = Look({**WELL, "trader": 90.0}, fit=True)
    assert judged([late, late], {**UP, "trader": 20.0}) == [[], []]


def test_a_taken_port_is_named_with_its_use_and_the_cure(tmp_path: Path) -> None:
    port = fresh_port()
    plan = read_plan({"PORT": str(port), "DATA_DIR": str(tmp_path)}, tmp_path)
    assert port_trouble(plan) is None
    with socket.socket() as other:
        # A desk of an earlier test may have left connections in TIME_WAIT there.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        assert port_trouble(plan) == (
            f"another program listens on {port + 1} (the venue simulator); stop it, or set PORT to the first of ten "
            "free ports"
        )
        paper = read_plan({"PORT": str(port), "PROFILE": "paper"}, tmp_path)
        assert port_trouble(paper) is None
        desk = start(tmp_path / "data", port)
        assert desk.process.wait(timeout=60) == 78
        assert f"[FATAL CONFIG] PORT: another program listens on {port + 1}" in desk.output.read_text()
        desk.wait_gone()


def test_left_over_databases_are_told_from_those_in_use(tmp_path: Path) -> None:
    places = {}
    for name in ("used", "remade", "gone"):
        place = tmp_path / "state" / name
        data_dir = tmp_path / f"data-{name}"
        place.mkdir(parents=True)
        (place / "data_dir").write_text(f"{data_dir}\n")
        if name != "gone":
            data_dir.mkdir()
            target = place if name == "used" else tmp_path / "state" / "another"
            (data_dir / "postgres.path").write_text(f"{target / 'postgres'}\n")
        places[place] = name == "used"
    assert {one.place: one.wanted for one in kept.kept_databases((tmp_path / "state",))} == places


def test_binaries_of_another_version_and_old_drafts_go(tmp_path: Path) -> None:
    old, draft, fresh = (tmp_path / name for name in (f"{embedded.WHEEL}-0.0.1", "tmpold", "tmpnew"))
    for place in (old, draft, fresh):
        place.mkdir()
    hour_ago = time.time() - kept.DRAFT_SECONDS - 1
    os.utime(draft, (hour_ago, hour_ago))
    assert sorted(kept.forget_old_binaries((tmp_path,))) == sorted([old, draft])
    assert [place.exists() for place in (old, draft, fresh)] == [False, False, True]


def test_of_several_workers_of_a_late_queue_every_one_is_started_again() -> None:
    late = Look({**WELL, "worker": HUNG_SECONDS + 1}, fit=True)
    up = {**UP, "worker-2": 600.0, "stream-2": 600.0}
    assert judged([late, late, late], up) == [[], ["worker", "worker-2"], []]
