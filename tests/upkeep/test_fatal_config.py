"""Each unsafe or missing setting, one by one: [FATAL CONFIG], the variable, the cure, an exit code that is not 0."""

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from propbot import checks, config, env
from propbot.env import Setting
from tests.environment import SECRETS
from tests.ground.test_checks import KEYS, LIVE
from tests.house.source import ROOT

NUMERIC = [one for one in config.SETTINGS if one.kind in ("integer", "decimal", "decimals", "venue_limits")]
FLAGS = [one for one in config.SETTINGS if one.kind == "flag"]
BOUNDED = [one for one in NUMERIC if one.minimum is not None or one.maximum is not None]
CHOSEN = [one for one in config.SETTINGS if one.choices]
TRADER = {**LIVE, **KEYS, "PROCESS": "trader"}
# One way to meet each rule: the id, what is wrong, the variable that is named.
BY_RULE: dict[str, tuple[dict[str, str], str]] = {
    "propbot.E001": ({"MAX_LEVERAGE": "five"}, "MAX_LEVERAGE"),
    "propbot.E002": ({"PROPBOT_DRYRUN": "true"}, "PROPBOT_DRYRUN"),
    "propbot.E010": ({"APPROVE_TOKEN": ""}, "APPROVE_TOKEN"),
    "propbot.E011": ({"APPROVE_TOKEN": "short"}, "APPROVE_TOKEN"),
    "propbot.E012": ({"APPROVE_TOKEN": "please-change-me"}, "APPROVE_TOKEN"),
    "propbot.E013": ({"SECRET_KEY": "weak"}, "SECRET_KEY"),
    "propbot.E014": ({"AUDIT_HMAC_KEY": ""}, "AUDIT_HMAC_KEY"),
    "propbot.E015": ({"AUDIT_SIGNING_KEY": ""}, "AUDIT_SIGNING_KEY"),
    "propbot.E016": ({"BACKUP_ENC_KEY": "no-fernet-key"}, "BACKUP_ENC_KEY"),
    "propbot.E020": ({}, "DATA_DIR"),
    "propbot.E030": ({**LIVE, "DEBUG": "true"}, "DEBUG"),
    "propbot.E031": ({**LIVE, "TWO_MAN_RULE": "false"}, "TWO_MAN_RULE"),
    "propbot.E032": ({**LIVE, "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    "propbot.E033": ({**TRADER, "SECRETS_ENC_KEY": ""}, "SECRETS_ENC_KEY"),
    "propbot.E034": ({**LIVE, "PROPBOT_CRASH_AT": "pre_send"}, "PROPBOT_CRASH_AT"),
    "propbot.E035": ({**LIVE, "RELIABILITY_TIME_DIVISOR": "10"}, "RELIABILITY_TIME_DIVISOR"),
    "propbot.E036": ({"PROFILE": "simulator", "AUTH_ENABLED": "false"}, "AUTH_ENABLED"),
    "propbot.E037": ({**LIVE, "RISK_ENFORCE_CAPS": "false"}, "RISK_ENFORCE_CAPS"),
    "propbot.E038": ({"PROFILE": "simulator", "PROCESS": "stream"}, "SIMULATOR_URL"),
    "propbot.E039": ({"TELEGRAM_ENABLE": "true", "PROCESS": "telegram"}, "TELEGRAM_BOT_TOKEN"),
    "propbot.E040": ({"SECRETS_STORE_PATH": "/nowhere/secrets.json"}, "SECRETS_STORE_PATH"),
    "propbot.E041": ({"SECRETS_STORE_PATH": "STORE"}, "SECRETS_STORE_PATH"),
    "propbot.E042": ({**LIVE, "PROCESS": "trader"}, "BINANCE_API_KEY"),
    "propbot.E043": ({**LIVE, **KEYS}, "BINANCE_API_KEY"),
    "propbot.E044": ({**TRADER, "SECRETS_STORE_PATH": "PLAIN"}, "SECRETS_STORE_PATH"),
}
PROCESSES: dict[str, tuple[str, ...]] = {
    "web": ("-m", "uvicorn", "propbot.asgi:application", "--port", "1"),
    "worker": ("-m", "celery", "-A", "propbot", "worker", "-Q", "ops", "-P", "threads"),
    "beat": ("-m", "celery", "-A", "propbot", "beat", "-S", "propbot.upkeep.scheduler:LeasedScheduler", "--pidfile="),
    "stream": ("manage.py", "stream_quotes"),
}


def fatal(data_dir: Path, **changes: str) -> dict[str, list[checks.Finding]]:
    """What stops the start, by variable."""
    environ = {**SECRETS, **changes}
    values, problems = env.read(config.SETTINGS, environ)
    found = [one for one in checks.validate(checks.Situation(values, environ, data_dir, problems)) if one.fatal]
    return {one.name: [other for other in found if other.name == one.name] for one in found}


def assert_named(found: dict[str, list[checks.Finding]], name: str) -> None:
    assert name in found
    assert found[name][0].line.startswith(f"[FATAL CONFIG] {name}: ")
    assert len(found[name][0].cure) > 10


def test_every_rule_has_its_case() -> None:
    source = (ROOT / "propbot" / "checks.py").read_text(encoding="utf-8")
    assert set(re.findall(r"propbot\.E\d{3}", source)) == set(BY_RULE)


@pytest.mark.parametrize("identifier", BY_RULE)
def test_each_unsafe_setting_stops_the_start(tmp_path: Path, identifier: str) -> None:
    changes, name = BY_RULE[identifier]
    place = tmp_path / "data"
    if identifier == "propbot.E020":
        place.write_text("a file stands where the directory should be")
    store = tmp_path / "secrets.json"
    store.write_text('{"binance_key": "a plain value in live"}')
    store.chmod(0o644 if identifier == "propbot.E041" else 0o600)
    changes = {key: str(store) if text in ("STORE", "PLAIN") else text for key, text in changes.items()}
    found = fatal(place, **changes)
    assert_named(found, name)
    assert identifier in {one.id for one in found[name]}


@pytest.mark.parametrize("name", [*SECRETS])
def test_a_desk_without_one_of_its_secrets_does_not_start(tmp_path: Path, name: str) -> None:
    found = fatal(tmp_path, **{**TRADER, name: ""})
    assert_named(found, name)


@pytest.mark.parametrize("name", [*KEYS])
def test_a_live_trader_without_one_of_its_keys_does_not_start(tmp_path: Path, name: str) -> None:
    assert_named(fatal(tmp_path, **{**TRADER, name: ""}), name)


@pytest.mark.parametrize("setting", NUMERIC, ids=lambda one: one.name)
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-inf", "1e400", "0x10", "1,5;2", "٣", "1_000", "9" * 60])
def test_a_number_that_is_none_is_fatal(tmp_path: Path, setting: Setting, text: str) -> None:
    value = f"binance-um:{text}" if setting.kind == "venue_limits" else text
    assert_named(fatal(tmp_path, **{setting.name: value}), setting.name)


def _outside(setting: Setting) -> list[str]:
    low = [] if setting.minimum is None else [setting.minimum - 1]
    high = [] if setting.maximum is None else [setting.maximum + 1]
    return [str(int(number)) if setting.kind == "integer" else str(Decimal(number)) for number in (*low, *high)]


@pytest.mark.parametrize("setting", BOUNDED, ids=lambda one: one.name)
def test_a_number_out_of_its_range_is_fatal(tmp_path: Path, setting: Setting) -> None:
    for text in _outside(setting):
        value = f"binance-um:{text}" if setting.kind == "venue_limits" else text
        assert_named(fatal(tmp_path, **{setting.name: value}), setting.name)


@pytest.mark.parametrize("setting", FLAGS, ids=lambda one: one.name)
@pytest.mark.parametrize("text", ["maybe", "2", "ja", "TRUE!", "None"])
def test_a_flag_that_is_neither_true_nor_false_is_fatal(tmp_path: Path, setting: Setting, text: str) -> None:
    assert_named(fatal(tmp_path, **{setting.name: text}), setting.name)


@pytest.mark.parametrize("setting", CHOSEN, ids=lambda one: one.name)
def test_a_word_that_is_no_choice_is_fatal(tmp_path: Path, setting: Setting) -> None:
    assert_named(fatal(tmp_path, **{setting.name: "something-else"}), setting.name)


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda one: one.name)
def test_a_stray_space_is_fatal_in_every_setting(tmp_path: Path, setting: Setting) -> None:
    assert_named(fatal(tmp_path, **{setting.name: " 1 "}), setting.name)


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda one: one.name)
def test_a_file_that_cannot_be_read_is_fatal_in_every_setting(tmp_path: Path, setting: Setting) -> None:
    environ = {key: value for key, value in SECRETS.items() if key != setting.name}
    environ[f"{setting.name}_FILE"] = str(tmp_path / "missing")
    _, problems = env.read(config.SETTINGS, environ)
    assert setting.name in {one.name for one in problems}


@pytest.mark.timeout(400)
def test_every_process_ends_before_it_serves_and_says_why(tmp_path: Path) -> None:
    """Each way to start a process, all at once, each really started, with one setting wrong."""
    base = {**os.environ, "DATA_DIR": str(tmp_path), "APPROVE_TOKEN": "", "PROFILE": "paper"}
    started = {
        name: subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**base, "PROCESS": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, command in PROCESSES.items()
    }
    answers = {name: (process.communicate(timeout=300)[0], process.returncode) for name, process in started.items()}
    for name, (output, code) in answers.items():
        assert code not in (0, None), f"{name}: {output}"
        assert "[FATAL CONFIG] APPROVE_TOKEN" in output, f"{name}: {output}"
        assert "set APPROVE_TOKEN" in output, f"{name}: {output}"
        assert "PropBot starting" not in output, name
