"""RELIABILITY G8: a rotation killed at any point leaves a store that opens with the old key or with the new one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from propbot import secrets_store
from propbot.crashpoints import CRASH_EXIT_CODE
from propbot.secrets_store import VALUE_NAMES, SecretsStore, SecretsStoreBusyError, SecretsStoreError, cipher_of
from tests.house.source import ROOT

# Each case starts a process or two, which on a busy machine takes its time.
pytestmark = pytest.mark.timeout(300)
NOW = datetime(2026, 1, 15, tzinfo=UTC)
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
PLAIN = {name: f"the-plain-value-of-{name}" for name in VALUE_NAMES}
TOKEN = "the-plain-token-of-alice"
NEWER = "the-newer-value-of-okx-key"
BEFORE = ("secrets_draft_made", "secrets_draft_written", "secrets_draft_kept")
AFTER = ("secrets_replaced",)


def plain_store(path: Path) -> None:
    content = {**PLAIN, "operator_tokens": {"alice": {"token": TOKEN, "role": "operator"}}}
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))


def sealed_store(path: Path, key: str) -> None:
    plain_store(path)
    SecretsStore(path, cipher_of(key), plain_allowed=True).reseal()


def begin(path: Path, action: str, *words: str, keys: str, crash_at: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.ground.rotating_child", action, str(path), keys, *words]
    environment = {"PATH": os.environ["PATH"], "PROPBOT_CRASH_AT": crash_at}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE)


def change(path: Path, action: str, *words: str, keys: str, crash_at: str = "") -> int:
    """In a process of its own that is killed at ``crash_at``; its exit code."""
    child = begin(path, action, *words, keys=keys, crash_at=crash_at)
    _, told = child.communicate(timeout=120)
    assert child.returncode in (0, CRASH_EXIT_CODE), told[-2000:]
    return child.returncode


def read_with(path: Path, keys: str) -> dict[str, str | None] | None:
    """Every value of the store under these keys alone; None where they do not open it."""
    try:
        store = SecretsStore(path, cipher_of(keys), plain_allowed=False)
        return {**{name: store.get(name) for name in VALUE_NAMES}, "alice": store.operator_tokens()[0].token}
    except SecretsStoreError:
        return None


def in_the_clear(files: Iterable[Path]) -> list[str]:
    words = [*PLAIN.values(), TOKEN, NEWER]
    return [f"{path.name}: {word}" for path in files for word in words if word in path.read_text()]


def beside(path: Path) -> list[Path]:
    return [item for item in path.parent.iterdir() if item.is_file() and item.name.startswith((".secrets", "secrets"))]


@pytest.mark.parametrize("point", [*BEFORE, *AFTER])
def test_a_killed_rotation_leaves_the_old_store_or_the_new_one(tmp_path: Path, point: str) -> None:
    path = tmp_path / "secrets.json"
    sealed_store(path, OLD)
    assert change(path, "rotate", keys=f"{NEW},{OLD}", crash_at=point) == CRASH_EXIT_CODE
    whole = {**PLAIN, "alice": TOKEN}
    opened = [key for key in (OLD, NEW) if read_with(path, key) == whole]
    assert opened == [OLD if point in BEFORE else NEW]
    assert read_with(path, f"{NEW},{OLD}") == whole  # what runs in the window reads on, whichever it is
    assert in_the_clear(beside(path)) == []
    assert {item.stat().st_mode & 0o777 for item in beside(path)} == {0o600}

    assert change(path, "rotate", keys=f"{NEW},{OLD}") == 0
    assert (read_with(path, NEW), read_with(path, OLD)) == (whole, None)
    assert sorted(item.name for item in beside(path)) == [".secrets.json.lock", "secrets.json"]


@pytest.mark.parametrize("point", [*BEFORE, *AFTER])
def test_encrypting_writes_no_second_file_in_the_clear_wherever_it_is_killed(tmp_path: Path, point: str) -> None:
    path = tmp_path / "secrets.json"
    plain_store(path)
    assert change(path, "rotate", keys=NEW, crash_at=point) == CRASH_EXIT_CODE
    others = [item for item in beside(path) if item != path]
    assert in_the_clear(others) == []
    assert bool(in_the_clear([path])) == (point in BEFORE)
    assert change(path, "rotate", keys=NEW) == 0
    assert in_the_clear(beside(path)) == []
    assert read_with(path, NEW) == {**PLAIN, "alice": TOKEN}


@pytest.mark.parametrize("point", [BEFORE[1], AFTER[0]])
def test_an_import_of_the_older_kind_is_never_in_the_clear_on_its_way(tmp_path: Path, point: str) -> None:
    path = tmp_path / "secrets.json"
    assert change(path, "import", "okx_key", NEWER, keys=NEW, crash_at=point) == CRASH_EXIT_CODE
    assert in_the_clear(beside(path)) == []
    assert change(path, "import", "okx_key", NEWER, keys=NEW) == 0
    assert SecretsStore(path, cipher_of(NEW), plain_allowed=False).get("okx_key") == NEWER


@pytest.mark.parametrize("point", [*BEFORE, *AFTER])
def test_a_new_value_is_there_or_the_old_one_is(tmp_path: Path, point: str) -> None:
    path = tmp_path / "secrets.json"
    sealed_store(path, OLD)
    assert change(path, "set", "okx_key", NEWER, keys=OLD, crash_at=point) == CRASH_EXIT_CODE
    found = read_with(path, OLD)
    assert found == {**PLAIN, "alice": TOKEN, "okx_key": PLAIN["okx_key"] if point in BEFORE else NEWER}
    assert in_the_clear(beside(path)) == []
    assert change(path, "set", "okx_key", NEWER, keys=OLD) == 0
    assert read_with(path, OLD) == {**PLAIN, "alice": TOKEN, "okx_key": NEWER}


def test_a_rotation_keeps_what_another_process_has_stored_meanwhile(tmp_path: Path) -> None:
    """The command waits at a prompt, the trader stores an approved value: neither may lose the other's."""
    path = tmp_path / "secrets.json"
    sealed_store(path, OLD)
    waiting = [SecretsStore(path, cipher_of(f"{NEW},{OLD}"), plain_allowed=False) for _ in range(3)]
    waiting[0].set("okx_key", NEWER, now=NOW)
    waiting[1].reseal()
    waiting[2].set("okx_secret", "another-newer-value", now=NOW)
    assert read_with(path, NEW) == {
        **PLAIN,
        "alice": TOKEN,
        "okx_key": NEWER,
        "okx_secret": "another-newer-value",
    }


def test_writers_at_once_lose_nothing_and_readers_never_see_half(tmp_path: Path) -> None:
    path, rounds, both = tmp_path / "secrets.json", 20, f"{NEW},{OLD}"
    sealed_store(path, OLD)
    writers = [begin(path, "churn", name, str(rounds), keys=both) for name in ("okx_key", "binance_key")]
    looks = 0
    while any(writer.poll() is None for writer in writers) or not looks:
        found = read_with(path, both)
        assert found is not None
        assert (found["okx_secret"], found["alice"]) == (PLAIN["okx_secret"], TOKEN)
        looks += 1
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0]
    found = read_with(path, both)
    assert found is not None
    assert (found["okx_key"], found["binance_key"]) == (f"okx_key-{rounds - 1}", f"binance_key-{rounds - 1}")


def test_a_draft_that_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    sealed_store(path, OLD)
    for name in (".secrets.json.draft", f".secrets.json.{os.getpid()}"):
        (tmp_path / name).write_text("{half")
    SecretsStore(path, cipher_of(OLD), plain_allowed=False).set("okx_key", NEWER, now=NOW)
    assert not (tmp_path / ".secrets.json.draft").exists()
    assert SecretsStore(path, cipher_of(OLD), plain_allowed=False).get("okx_key") == NEWER


def test_a_store_that_somebody_else_changes_for_too_long_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secrets.json"
    sealed_store(path, OLD)
    before = path.read_text()
    monkeypatch.setattr(secrets_store, "LOCK_SECONDS", 0.0)
    store = SecretsStore(path, cipher_of(OLD), plain_allowed=False)
    with store._locked(), pytest.raises(SecretsStoreBusyError, match="another process"):
        SecretsStore(path, cipher_of(OLD), plain_allowed=False).set("okx_key", NEWER, now=NOW)
    assert path.read_text() == before


def test_a_rotation_that_one_value_forbids_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    sealed_store(path, OLD)
    SecretsStore(path, cipher_of(f"{NEW},{OLD}"), plain_allowed=False).set("okx_passphrase", "x", now=NOW)
    before = path.read_text()
    with pytest.raises(SecretsStoreError, match="no key of SECRETS_ENC_KEY"):
        SecretsStore(path, cipher_of(NEW), plain_allowed=False).reseal()
    assert path.read_text() == before
