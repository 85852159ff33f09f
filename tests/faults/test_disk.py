"""The disk of the database is full (RELIABILITY D5): a real PostgreSQL on a small file system of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.desk import wait_for
from tests.embedded.running import open_place
from tests.faults.stand import Stand, stand
from tests.faults.test_desk import LONG, hold

pytestmark = [pytest.mark.timeout(300), LONG]
SIZE = "300m"


@pytest.fixture
def small() -> Iterator[Path]:
    """A place whose services have little room; only root can make such a file system."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    with open_place() as place:
        disk = place / "services"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "tmpfs", disk]
        if subprocess.run(mount, check=False).returncode != 0:
            pytest.skip("this machine lets nobody mount a file system")
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def fill(ground: Stand) -> Path:
    """Take every byte, then use up what PostgreSQL had put aside, until it can write no more."""
    filler = ground.postgres.data_dir / "filler"
    with filler.open("wb") as file, suppress(OSError):
        while True:
            file.write(b"\0" * 1_000_000)
            file.flush()
    with suppress(psycopg.Error), ground.postgres.connect() as connection:
        connection.execute("CREATE TABLE filling (word text)")
        while True:
            connection.execute("INSERT INTO filling SELECT repeat('x', 7000) FROM generate_series(1, 2000)")
    return filler


def test_d5_on_a_full_disk_the_desk_refuses_stays_stopped_and_comes_back(small: Path) -> None:
    with stand(small) as ground:
        filler = fill(ground)
        _, answer = hold(ground)
        assert answer.status_code in (200, 503), answer.text
        assert (ground.desk.data_dir / "HOLD").exists()
        refused = ground.desk.api.call("PATCH", "/api/ui/control", "alice", {"reason": "full", "safe_mode": False})
        assert refused.status_code in (409, 423, 503), refused.text
        filler.unlink()
        if not ground.postgres.child.running:
            ground.postgres.start()
        with suppress(psycopg.Error):
            ground.postgres.ask("DROP TABLE IF EXISTS filling")
        ground.wait_healthy(120)
        wait_for("held", lambda: ground.desk.api.overview()["hold_active"], bool, 30)
