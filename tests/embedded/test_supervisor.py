"""One desk from its first start to its last: the supervisor end to end.

The tests stand in the order of a desk's life and share it: what one leaves, the next one finds.
"""

import json
import os
import signal
import stat
from collections.abc import Iterator

import pytest

from tests.acceptance.desk import process_ids, wait_for
from tests.embedded.running import (
    CANARY,
    RunningDesk,
    environment_of,
    fresh_port,
    listening_ports,
    processes_of,
    start,
)

pytestmark = pytest.mark.timeout(240)
ROLES = ("web", "trader", "worker", "beat", "stream", "flower", "simulator")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    place = tmp_path_factory.mktemp("embedded")
    place.chmod(0o755)
    running = start(place / "data", fresh_port(), BINANCE_API_KEY=CANARY)
    running.wait_healthy()
    yield running
    running.kill_all()


def role_pids(desk: RunningDesk) -> dict[str, int]:
    found = {environment_of(pid).get("PROCESS", ""): pid for pid in processes_of(desk.data_dir)}
    return {role: pid for role, pid in found.items() if role in ROLES}


def test_a_fresh_desk_becomes_healthy_with_every_process(desk: RunningDesk) -> None:
    assert desk.api.healthy()
    assert set(role_pids(desk)) == set(ROLES)


def test_the_demo_accounts_are_complete_and_closed_to_others(desk: RunningDesk) -> None:
    path = desk.data_dir / "demo-accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    table = json.loads(path.read_text())
    assert set(table) >= {"base_url", "simulator_url", "flower_url", "approve_token", "people"}
    roles = {name: person["role"] for name, person in table["people"].items()}
    assert roles == {"alice": "operator", "bob": "operator", "vera": "viewer", "otto": "auditor"}
    assert all(person["password"] and person["token"] for person in table["people"].values())


def test_generated_secrets_are_closed_to_others(desk: RunningDesk) -> None:
    for name in ("secrets.env", "run/desk.env"):
        assert stat.S_IMODE((desk.data_dir / name).stat().st_mode) == 0o600


def test_all_ports_lie_in_the_block_of_ten(desk: RunningDesk) -> None:
    ports = listening_ports(list(processes_of(desk.data_dir)))
    assert desk.port in ports
    assert ports <= set(range(desk.port, desk.port + 10))


def test_a_first_start_leaves_the_desk_stopped(desk: RunningDesk) -> None:
    flags = desk.api.overview()
    assert (flags["hold_active"], flags["safe_mode"], flags["dry_run_mode"]) == (True, True, True)


def test_only_the_trader_is_given_exchange_keys(desk: RunningDesk) -> None:
    pids = role_pids(desk)
    holders = {role for role, pid in pids.items() if CANARY in environment_of(pid).values()}
    assert holders == {"trader"}
    command = processes_of(desk.data_dir)[pids["trader"]]
    assert "celery" in command
    assert "trading" in command


def restarted(desk: RunningDesk, role: str, former: int) -> bool:
    return role_pids(desk).get(role, former) != former


@pytest.mark.parametrize("role", ["flower", "stream", "simulator"])
def test_a_killed_child_is_started_again(desk: RunningDesk, role: str) -> None:
    former = role_pids(desk)[role]
    os.kill(former, signal.SIGKILL)
    wait_for(f"{role} again", lambda: restarted(desk, role, former), bool, 20)
    desk.wait_healthy()


def service_pid(desk: RunningDesk, program: str) -> int | None:
    """The service itself: PostgreSQL's own children carry other names."""
    return min(process_ids(desk.process.pid, program), default=None)


@pytest.mark.parametrize("program", ["valkey-server", "bin/postgres"])
def test_after_the_death_of_a_service_the_desk_recovers(desk: RunningDesk, program: str) -> None:
    former = service_pid(desk, program)
    assert former is not None
    os.kill(former, signal.SIGKILL)
    wait_for(f"{program} again", lambda: service_pid(desk, program) not in (None, former), bool, 30)
    desk.wait_healthy()


def test_after_a_kill_of_the_parent_everything_ends(desk: RunningDesk) -> None:
    desk.process.send_signal(signal.SIGKILL)
    desk.process.wait()
    desk.wait_gone()


def test_a_second_start_finds_its_data_and_is_in_hold(desk: RunningDesk) -> None:
    before = json.loads((desk.data_dir / "demo-accounts.json").read_text())
    again = start(desk.data_dir, desk.port)
    desk.process = again.process
    desk.wait_healthy()
    assert json.loads((desk.data_dir / "demo-accounts.json").read_text()) == before
    overview = desk.api.overview()
    assert (overview["hold_active"], overview["safe_mode"]) == (True, True)


def test_a_termination_stops_every_child_in_order(desk: RunningDesk) -> None:
    desk.process.terminate()
    assert desk.process.wait(timeout=60) == 0
    desk.wait_gone()
    assert "was killed" not in desk.output.read_text()
    assert not (desk.data_dir / "run" / "desk.env").exists()
    log = (desk.data_dir / "logs" / "postgres.log").read_text()
    assert "database system is shut down" in log.splitlines()[-1]


def test_after_a_kill_of_make_everything_ends(desk: RunningDesk) -> None:
    made = start(
        desk.data_dir,
        desk.port,
        "make",
        "--no-print-directory",
        "run",
        f"PORT={desk.port}",
        f"DATA_DIR={desk.data_dir}",
    )
    desk.process = made.process
    desk.wait_healthy()
    desk.process.send_signal(signal.SIGKILL)
    desk.process.wait()
    desk.wait_gone()
