"""Each unsafe or missing setting stops the start, and says what cures it."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from propbot import checks, config, env
from tests.addresses import database_url
from tests.environment import SECRETS
from tests.house.source import ROOT

LIVE = {
    "PROFILE": "live",
    "PROCESS": "web",
    "ALLOWED_HOSTS": "desk.example.org",
    "RISK_CHECKS_ENABLED": "true",
    "RISK_ENFORCE_CAPS": "true",
    "RISK_ENFORCE_BUDGETS": "true",
}
KEYS = {
    "BINANCE_API_KEY": "a-binance-key",
    "BINANCE_API_SECRET": "a-binance-secret",
    "OKX_API_KEY": "an-okx-key",
    "OKX_API_SECRET": "an-okx-secret",
    "OKX_API_PASSPHRASE": "an-okx-passphrase",
}


def findings(tmp_path: Path, **changes: str) -> list[checks.Finding]:
    environ = {**SECRETS, **changes}
    values, problems = env.read(config.SETTINGS, environ)
    return checks.validate(checks.Situation(values, environ, tmp_path, problems))


def fatal_names(tmp_path: Path, **changes: str) -> set[str]:
    return {found.name for found in findings(tmp_path, **changes) if found.fatal}


@pytest.mark.parametrize("profile", ["paper", "simulator"])
def test_a_desk_with_its_secrets_may_start(tmp_path: Path, profile: str) -> None:
    assert findings(tmp_path, PROFILE=profile) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"APPROVE_TOKEN": ""}, "APPROVE_TOKEN"),
        ({"APPROVE_TOKEN": "short"}, "APPROVE_TOKEN"),
        ({"APPROVE_TOKEN": "TODO"}, "APPROVE_TOKEN"),
        ({"APPROVE_TOKEN": "please-change-me"}, "APPROVE_TOKEN"),
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "too-short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-" + "abcdefgh" * 8}, "SECRET_KEY"),
        ({"AUDIT_HMAC_KEY": ""}, "AUDIT_HMAC_KEY"),
        ({"AUDIT_SIGNING_KEY": "bm90LWxvbmctZW5vdWdo"}, "AUDIT_SIGNING_KEY"),
        ({"SECRETS_ENC_KEY": "no-fernet-key"}, "SECRETS_ENC_KEY"),
        ({"PROPBOT_DRYRUN": "true"}, "PROPBOT_DRYRUN"),
        ({"MAX_LEVERAGE": "0"}, "MAX_LEVERAGE"),
        ({"MAX_LEVERAGE": " 3"}, "MAX_LEVERAGE"),
        ({"PROFILE": "prod"}, "PROFILE"),
        ({"AUTH_ENABLED": "false", "PROFILE": "simulator"}, "AUTH_ENABLED"),
        ({"PROFILE": "simulator", "PROCESS": "trader"}, "SIMULATOR_URL"),
        ({"TELEGRAM_ENABLE": "true"}, "TELEGRAM_BOT_TOKEN"),
        ({"SECRETS_STORE_PATH": "/nowhere/secrets.json"}, "SECRETS_STORE_PATH"),
        ({"PROFILE": "testnet", "PROCESS": "trader"}, "OKX_API_PASSPHRASE_TESTNET"),
        ({"PROFILE": "testnet"}, "BINANCE_UM_API_KEY_TESTNET"),
        ({**LIVE, "DEBUG": "true"}, "DEBUG"),
        ({**LIVE, "TWO_MAN_RULE": "false"}, "TWO_MAN_RULE"),
        ({**LIVE, "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({**LIVE, **KEYS, "PROCESS": "trader", "SECRETS_ENC_KEY": ""}, "SECRETS_ENC_KEY"),
        ({**LIVE, "RISK_ENFORCE_CAPS": "false"}, "RISK_ENFORCE_CAPS"),
        ({**LIVE, "AUTH_ENABLED": "false"}, "AUTH_ENABLED"),
        ({**LIVE, "PROPBOT_CRASH_AT": "pre_send"}, "PROPBOT_CRASH_AT"),
        ({**LIVE, "PROCESS": "trader"}, "OKX_API_KEY"),
        ({**LIVE, **KEYS}, "BINANCE_API_KEY"),
    ],
)
def test_each_unsafe_setting_is_fatal_and_names_its_cure(tmp_path: Path, changes: dict[str, str], name: str) -> None:
    found = [item for item in findings(tmp_path, **changes) if item.fatal and item.name == name]
    assert found
    assert found[0].line.startswith(f"[FATAL CONFIG] {name}: ")
    assert len(found[0].cure) > 10


def test_live_starts_where_everything_is_safe(tmp_path: Path) -> None:
    assert fatal_names(tmp_path, **LIVE) == set()
    assert fatal_names(tmp_path, **{**LIVE, **KEYS, "PROCESS": "trader"}) == set()


def test_a_data_directory_that_cannot_be_written_is_fatal(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    assert "DATA_DIR" in fatal_names(blocked / "data")


def test_a_secrets_store_that_others_may_read_is_fatal(tmp_path: Path) -> None:
    store = tmp_path / "secrets.json"
    store.write_text("{}")
    store.chmod(0o644)
    found = [item for item in findings(tmp_path, SECRETS_STORE_PATH=str(store)) if item.fatal]
    assert [(item.id, item.cure) for item in found] == [("propbot.E041", f"chmod 0600 {store}")]


@pytest.mark.parametrize("name", [*checks.FORMER_STORES, "API_TOKEN", "SAFE_MODE"])
def test_a_name_without_effect_is_said_but_not_fatal(tmp_path: Path, name: str) -> None:
    found = findings(tmp_path, **{name: "false"})
    assert [(item.name, item.fatal) for item in found] == [(name, False)]


def test_random_secrets_are_never_taken_for_placeholders(tmp_path: Path) -> None:
    for seed in range(200):
        text = base64.urlsafe_b64encode(os.urandom(48)).decode()
        assert fatal_names(tmp_path, APPROVE_TOKEN=text) == set(), f"run {seed}: {text}"


def test_manage_check_exits_non_zero_and_prints_the_cure(tmp_path: Path) -> None:
    environ = {**os.environ, "APPROVE_TOKEN": "", "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "check"]
    answer = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert "[FATAL CONFIG] APPROVE_TOKEN" in answer.stderr
    assert "HINT: set APPROVE_TOKEN" in answer.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("fatal", [True, False])
def test_a_serving_process_says_its_build_or_ends_before_it_serves(tmp_path: Path, fatal: bool) -> None:
    place = {"DATA_DIR": str(tmp_path), "DATABASE_URL": database_url(), "PROCESS": "web"}
    environ = {**os.environ, **place, **({"APPROVE_TOKEN": ""} if fatal else {})}
    code = "import django; django.setup(); from propbot.checks import start_process; start_process()"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert answer.returncode == (checks.EXIT_CONFIG if fatal else 0)
    assert ("PropBot starting with build_version=" in answer.stdout) is not fatal
    assert ("[FATAL CONFIG] APPROVE_TOKEN" in answer.stderr) is fatal
