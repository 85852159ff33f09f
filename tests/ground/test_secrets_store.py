"""The secrets store: closed file, encrypted values, rotation, files of the older kind."""

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from propbot import config, env, secrets_store
from propbot.secrets_store import SecretsStore, SecretsStoreError, cipher_of

NOW = datetime(2026, 1, 15, tzinfo=UTC)
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def closed_file(tmp_path: Path, content: dict[str, object]) -> Path:
    path = tmp_path / "secrets.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


def test_a_value_is_stored_encrypted_in_a_closed_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    SecretsStore(path, cipher_of(NEW), plain_allowed=False).set("okx_secret", "the plain value", now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "the plain value" not in path.read_text()
    assert SecretsStore(path, cipher_of(NEW), plain_allowed=False).get("okx_secret") == "the plain value"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o400])
def test_a_file_with_another_mode_is_refused(tmp_path: Path, mode: int) -> None:
    path = closed_file(tmp_path, {})
    path.chmod(mode)
    with pytest.raises(SecretsStoreError, match="must be 0600"):
        SecretsStore(path, None, plain_allowed=True)


def test_a_rotation_keeps_old_values_readable_and_then_seals_them_under_the_new_key(tmp_path: Path) -> None:
    tokens = {"alice": {"token": "alice-token", "role": "operator"}}
    path = closed_file(tmp_path, {"binance_key": "plain-key", "operator_tokens": tokens})
    assert SecretsStore(path, cipher_of(OLD), plain_allowed=True).reseal() == 2
    rotating = SecretsStore(path, cipher_of(f"{NEW},{OLD}"), plain_allowed=False)
    assert rotating.get("binance_key") == "plain-key"
    rotating.reseal()
    only_new = SecretsStore(path, cipher_of(NEW), plain_allowed=False)
    assert only_new.get("binance_key") == "plain-key"
    assert [token.token for token in only_new.operator_tokens()] == ["alice-token"]


def test_an_encrypted_store_is_closed_to_another_key(tmp_path: Path) -> None:
    path = closed_file(tmp_path, {})
    SecretsStore(path, cipher_of(OLD), plain_allowed=True).set("okx_key", "value", now=NOW)
    with pytest.raises(SecretsStoreError, match="no key of SECRETS_ENC_KEY"):
        SecretsStore(path, cipher_of(NEW), plain_allowed=True).get("okx_key")
    with pytest.raises(SecretsStoreError, match="SECRETS_ENC_KEY is not set"):
        SecretsStore(path, None, plain_allowed=True).get("okx_key")


def test_live_reads_no_plain_value(tmp_path: Path) -> None:
    path = closed_file(tmp_path, {"okx_key": "plain"})
    assert SecretsStore(path, None, plain_allowed=True).get("okx_key") == "plain"
    with pytest.raises(SecretsStoreError, match="plain value"):
        SecretsStore(path, cipher_of(NEW), plain_allowed=False).get("okx_key")


def test_ages_tell_what_needs_a_rotation_and_never_a_value(tmp_path: Path) -> None:
    rotated = NOW - timedelta(days=91)
    path = closed_file(tmp_path, {})
    store = SecretsStore(path, cipher_of(NEW), plain_allowed=False)
    store.set("okx_key", "value", now=rotated)
    store.set("okx_secret", "value", now=NOW)
    ages = {age.name: age for age in store.ages(now=NOW, max_age_days=90)}
    assert (ages["okx_key"].age_days, ages["okx_key"].rotation_needed) == (91, True)
    assert (ages["okx_secret"].age_days, ages["okx_secret"].rotation_needed) == (0, False)
    assert (ages["binance_key"].present, ages["binance_key"].rotation_needed) == (False, False)


@pytest.mark.parametrize("key", ["", "an old key"])
def test_a_value_of_the_older_kind_is_read(key: str) -> None:
    mask = key.encode() or b"\0"
    scrambled = bytes(byte ^ mask[i % len(mask)] for i, byte in enumerate(b"the secret"))
    assert secrets_store.legacy_reveal(base64.b64encode(scrambled).decode(), key) == "the secret"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BINANCE_API_KEY": "first-binance-key", "BINANCE_LV_API_KEY": "second-binance-key"}, "first-binance-key"),
        ({"BINANCE_LV_API_KEY": "second-binance-key"}, "second-binance-key"),
        ({}, None),
    ],
)
def test_the_environment_is_asked_in_its_fixed_order(environ: dict[str, str], expected: str | None) -> None:
    values, _ = env.read(config.SETTINGS, {"PROFILE": "live", **environ})
    assert secrets_store.exchange_secret("binance_key", values, environ) == expected


def test_the_testnet_never_takes_a_live_key() -> None:
    environ = {"PROFILE": "testnet", "BINANCE_API_KEY": "live", "OKX_API_KEY": "live"}
    values, _ = env.read(config.SETTINGS, environ)
    assert secrets_store.exchange_secret("binance_key", values, environ) is None
    assert secrets_store.exchange_secret("okx_key", values, environ) is None
