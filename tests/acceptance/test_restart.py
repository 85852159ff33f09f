"""Death and return: the trader killed, everything killed, the record attacked. One desk, in order."""

import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import LIVELY, Desk, free_port_block, process_ids, start_desk, stop_desk, wait_for
from tests.acceptance.test_first_hedge import execute_best, positions

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("restart") / "data"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port_block()


@pytest.fixture(scope="module")
def desks(home: Path, port: int) -> Iterator[list[Desk]]:
    """The desk of the moment is the last one: a test that kills it appends its successor."""
    started = [start_desk(home, port, **LIVELY)]
    yield started
    stop_desk(started[-1])


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def trader_pids(desk: Desk) -> list[int]:
    assert desk.process is not None
    return process_ids(desk.process.pid, "celery", "trading")


def accepted_ids(desk: Desk) -> list[str]:
    rows = desk.simulator("/control/orders")["orders"]
    return [row["client_order_id"] for row in rows if row["accepted"]]


def assert_books_agree(desk: Desk) -> None:
    """What PropBot believes it holds is what the simulator holds, venue by venue."""
    ours: dict[tuple[str, str], Any] = {}
    for hedge in positions(desk):
        if hedge["simulated"] or hedge["status"] in ("closed", "failed"):
            continue
        for leg in hedge["legs"]:
            key = (leg["venue"], leg["symbol"])
            sign = 1 if leg["side"] in ("long", "buy") else -1
            ours[key] = ours.get(key, Decimal(0)) + sign * Decimal(str(leg["base_size"]))
    theirs = {
        (row["venue"], row["symbol"]): Decimal(str(row["quantity"]))
        for row in desk.simulator("/control/positions")["positions"]
        if Decimal(str(row["quantity"]))
    }
    assert {key: size for key, size in ours.items() if size} == theirs


def test_a_killed_trader_comes_back_stopped_and_knows_its_hedge(desks: list[Desk]) -> None:
    desk = desks[-1]
    desk.start_trading()
    desk.loosen({"dry_run_mode": False})
    hedge_id = execute_best(desk)["position"]["id"]
    before = trader_pids(desk)
    hold_id = desk.overview()["safety"].get("hold_id")
    os.kill(before[0], signal.SIGKILL)
    wait_for("the trader is back", lambda: trader_pids(desk), lambda pids: bool(pids) and pids[0] != before[0], 60)
    overview = wait_for("HOLD after the restart", desk.overview, lambda view: view["hold_active"], 60)
    assert (overview["mode"], overview["safe_mode"]) == ("HOLD", True)
    assert overview["safety"].get("hold_id") != hold_id or hold_id is None
    desk.wait_until_healthy()
    assert any(row["id"] == hedge_id for row in positions(desk) + positions(desk, status="closed"))
    wait_for("books agree", lambda: desk, lambda held: _agrees(held), 60)
    ids = accepted_ids(desk)
    assert len(ids) == len(set(ids))


def _agrees(desk: Desk) -> bool:
    try:
        assert_books_agree(desk)
    except AssertionError:
        return False
    return True


def test_after_everything_is_killed_the_second_start_finds_its_data_and_is_stopped(
    desks: list[Desk], home: Path, port: int
) -> None:
    desk = desks[-1]
    assert desk.process is not None
    family = process_ids(desk.process.pid)
    known = {row["id"] for row in positions(desk) + positions(desk, status="closed")}
    os.kill(desk.process.pid, signal.SIGKILL)
    desk.process.wait(10)
    wait_for("every child ends", lambda: [pid for pid in family if is_alive(pid)], lambda left: not left, 15)

    successor = start_desk(home, port, **LIVELY)
    desks.append(successor)
    overview = successor.overview()
    assert (overview["mode"], overview["hold_active"], overview["safe_mode"]) == ("HOLD", True, True)
    assert overview["dry_run_mode"] is True
    assert known <= {row["id"] for row in positions(successor) + positions(successor, status="closed")}
    wait_for("books agree", lambda: successor, lambda held: _agrees(held), 60)
    ids = accepted_ids(successor)
    assert len(ids) == len(set(ids))
