"""Where the embedded services put their data: reachable or not, short paths and long ones, twice."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from propbot.supervisor import embedded, files
from propbot.supervisor.services import running_services
from tests.embedded.running import fresh_port, open_place, start

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives PostgreSQL another user")


def write_and_read(urls: dict[str, str]) -> int:
    redis.Redis.from_url(urls["REDIS_URL"]).incr("starts")
    with psycopg.connect(urls["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS start (at timestamptz DEFAULT now())")
        connection.execute("INSERT INTO start DEFAULT VALUES")
        row = connection.execute("SELECT count(*), pg_encoding_to_char(6) FROM start").fetchone()
    assert row is not None
    assert row[1] == "UTF8"
    return int(row[0])


@pytest.fixture
def open_dir() -> Iterator[Path]:
    with open_place() as place:
        yield place


def test_the_services_find_their_data_again(open_dir: Path) -> None:
    data_dir = open_dir / "data"
    data_dir.mkdir(mode=0o711)
    for expected in (1, 2):
        with running_services(data_dir) as urls:
            assert write_and_read(urls) == expected
            assert redis.Redis.from_url(urls["REDIS_URL"]).get("starts") == str(expected).encode()


@AS_ROOT
def test_below_a_closed_directory_the_database_still_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "closed" / "data"
    data_dir.mkdir(parents=True)
    data_dir.parent.chmod(0o700)
    try:
        for expected in (1, 2):
            with running_services(data_dir) as urls:
                assert write_and_read(urls) == expected
        place = Path((data_dir / "postgres.path").read_text().strip())
        assert not place.is_relative_to(data_dir)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700
    finally:
        embedded.remove(data_dir)


@AS_ROOT
def test_what_was_kept_for_a_vanished_temporary_desk_is_deleted(tmp_path: Path) -> None:
    kept = []
    for name in ("gone", "alive"):
        (tmp_path / name).mkdir(mode=0o700)
        kept.append(embedded._place_of_data(tmp_path / name, embedded.service_owner()).parent)
    (tmp_path / "gone" / "postgres.path").unlink()
    (tmp_path / "gone").rmdir()
    embedded.forget_vanished()
    assert [place.exists() for place in kept] == [False, True]
    embedded.remove(tmp_path / "alive")


def test_a_long_path_gets_short_sockets(open_dir: Path) -> None:
    data_dir = open_dir / ("long" * 30)
    data_dir.mkdir(mode=0o711)
    try:
        with running_services(data_dir) as urls:
            assert write_and_read(urls) == 1
    finally:
        embedded.remove(data_dir)


def test_one_data_directory_has_one_desk(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    first = files.lock(tmp_path)
    assert first is not None
    assert files.lock(tmp_path) is None
    first.close()
    second = files.lock(tmp_path)
    assert second is not None
    second.close()


@pytest.mark.parametrize(
    ("name", "value"), [("APPROVE_TOKEN", ""), ("PORT", "eight"), ("PORT", "65535"), ("RECORDING", "/nowhere")]
)
def test_an_unusable_setting_ends_the_start_with_the_cure(open_dir: Path, name: str, value: str) -> None:
    if name == "PORT":
        desk = start(open_dir / "data", value)  # type: ignore[arg-type]
    else:
        desk = start(open_dir / "data", fresh_port(), **{name: value})
    assert desk.process.wait(timeout=60) == 78
    assert f"[FATAL CONFIG] {name}" in desk.output.read_text()
    desk.wait_gone()
