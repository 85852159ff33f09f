"""The production description keeps its promises, line by line, without a Docker engine."""

import re
from typing import Any

import pytest
import yaml

from propbot.config import SETTINGS
from tests.house.source import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.prod.yml").read_text())
OWN = {name: service for name, service in COMPOSE["services"].items() if "propbot" in service["image"]}
KEY_SECRETS = {"secrets_enc_key", "binance_api_key", "binance_api_secret", "okx_api_key", "okx_api_secret"}
NAMES = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
OTHERS = {"PROMETHEUS_MULTIPROC_DIR", "CSRF_TRUSTED_ORIGINS"}


@pytest.mark.parametrize("name", OWN)
def test_an_own_container_is_confined(name: str) -> None:
    service = OWN[name]
    assert service["user"] == "1000:1000"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert set(service["deploy"]["resources"]["limits"]) >= {"cpus", "memory"}
    assert service["image"] == "ghcr.io/${REPO:?set REPO}/propbot:${TAG:?set TAG}"


def test_only_the_trader_reaches_exchange_keys() -> None:
    holders = {
        name
        for name, service in OWN.items()
        if KEY_SECRETS & set(service["secrets"]) or any("keys" in volume for volume in service["volumes"])
    }
    assert holders == {"trader"}


def test_nothing_listens_beyond_loopback() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_web_container_has_its_name_and_every_server_a_health_check() -> None:
    assert OWN["web"]["container_name"] == "propbot_app_prod"
    without = {name for name, service in COMPOSE["services"].items() if "healthcheck" not in service}
    assert without == {"migrate", "flower"}


def test_no_secret_is_a_line_of_the_environment() -> None:
    secret = {setting.name for setting in SETTINGS if setting.kind == "secret"}
    for name, service in OWN.items():
        assert secret & set(service["environment"]) == set(), name
    assert secret & set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.prod.example").read_text(), re.MULTILINE)) == set()


@pytest.mark.parametrize("name", OWN)
def test_every_variable_is_a_setting_and_every_file_a_mounted_secret(name: str) -> None:
    for variable, value in OWN[name]["environment"].items():
        assert variable.removesuffix("_FILE") in NAMES | OTHERS, variable
        if variable.endswith("_FILE"):
            assert str(value).removeprefix("/run/secrets/") in OWN[name]["secrets"], variable


@pytest.mark.parametrize("page", [".env.example", ".env.prod.example"])
def test_the_shipped_environments_switch_every_risk_check_on(page: str) -> None:
    text = (ROOT / page).read_text()
    for name in ("RISK_CHECKS_ENABLED", "RISK_ENFORCE_CAPS", "RISK_ENFORCE_BUDGETS"):
        assert f"{name}=true" in text
