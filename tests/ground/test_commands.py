"""Commands of the ground: the running desk they speak to, and the secrets they keep."""

import json
import stat
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import override_settings

from propbot import config
from propbot.supervisor import files


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    changed = config.values().replace(SECRETS_STORE_PATH=str(path), SECRETS_ENC_KEY=Fernet.generate_key().decode())
    with override_settings(PROPBOT=changed):
        yield path


def value_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "value"
    path.write_text(text)
    return str(path)


def test_a_secret_is_set_and_its_age_told_without_its_value(tmp_path: Path, store: Path) -> None:
    said = run("secrets", "set", "okx_key", "--value-file", value_file(tmp_path, "the-okx-key\n"))
    said += run("secrets", "rotate") + run("secrets", "status")
    assert "okx_key: 0 days old" in said
    assert "binance_key: missing" in said
    assert "the-okx-key" not in said + store.read_text()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_a_file_of_the_older_kind_is_imported_encrypted(tmp_path: Path, store: Path) -> None:
    legacy = tmp_path / "legacy.json"
    legacy.write_text(json.dumps({"okx_key": "b2xkLWtleQ==", "meta": {"okx_key_last_rotated": "2025-01-01T00:00:00Z"}}))
    run("secrets", "encrypt", "--from-legacy", str(legacy))
    assert "old-key" not in store.read_text()
    assert "okx_key: " in run("secrets", "status")
    assert "rotation needed" in run("secrets", "status")


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_secret_is_refused(tmp_path: Path, store: Path, text: str) -> None:
    with pytest.raises(CommandError, match="empty"):
        run("secrets", "set", "okx_key", "--value-file", value_file(tmp_path, text))
    assert not store.exists()


def test_without_a_path_the_command_says_what_to_set() -> None:
    with pytest.raises(CommandError, match="SECRETS_STORE_PATH"):
        run("secrets", "status")


def desk_files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "data" / "run").mkdir(parents=True)
    files.write_env_file(tmp_path / "data" / files.DESK_FILE, {"DATABASE_URL": "of the desk", "PORT": "8123"})
    files.write_env_file(tmp_path / "data" / files.SECRETS_FILE, {"APPROVE_TOKEN": "of the desk"})
    return {}


def test_commands_speak_to_the_desk_that_runs(tmp_path: Path) -> None:
    environ = desk_files(tmp_path)
    files.load_running_desk(environ, tmp_path)
    assert environ == {"DATABASE_URL": "of the desk", "PORT": "8123", "APPROVE_TOKEN": "of the desk"}


def test_an_address_that_was_given_wins_over_the_running_desk(tmp_path: Path) -> None:
    environ = desk_files(tmp_path) | {"DATABASE_URL": "given"}
    files.load_running_desk(environ, tmp_path)
    assert environ == {"DATABASE_URL": "given"}


def test_generated_secrets_are_made_once(tmp_path: Path) -> None:
    first = files.generated_secrets(tmp_path)
    assert files.generated_secrets(tmp_path) == first
    assert set(first) == {"SECRET_KEY", "APPROVE_TOKEN", "AUDIT_HMAC_KEY", "AUDIT_SIGNING_KEY", "SECRETS_ENC_KEY"}
    assert len(set(first.values())) == len(first)
