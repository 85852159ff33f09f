"""Every command, endpoint and setting stands in the documents, and nothing that does not exist."""

import re

import pytest
from django.apps import apps

from propbot.config import SETTINGS
from tests.house.source import ROOT
from tools import lists, model_pages

DOCS = ROOT / "docs"
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
CURE = "run: python -m tools.lists"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def first_column(name: str, title: str) -> set[str]:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", page(name), re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/{name} has no section {title!r}"
    return set(ROW.findall(found[1]))


def test_the_management_commands_are_those_of_the_page() -> None:
    assert first_column("commands.md", "Management commands") == set(lists.management_commands()), CURE


def test_the_commands_of_the_terminal_are_those_of_the_page() -> None:
    assert first_column("commands.md", "propbotctl") == set(lists.cli_commands()), CURE


def test_the_telegram_commands_are_those_of_the_page() -> None:
    assert first_column("commands.md", "Telegram") == set(lists.telegram_commands()), CURE


def test_the_endpoints_are_those_of_the_page() -> None:
    assert set(ROW.findall(page("endpoints.md"))) == {*lists.routes(), "/ws/status"}, CURE


@pytest.mark.parametrize("name", sorted(model_pages.APPS))
def test_the_page_of_an_apps_models_is_current(name: str) -> None:
    assert page(f"models/{name}.md") == model_pages.pages()[f"{name}.md"], CURE


def test_every_model_of_ours_has_its_page() -> None:
    ours = {config.label for config in apps.get_app_configs() if config.name.split(".")[0] in lists.PACKAGES}
    assert {label for label in ours if apps.get_app_config(label).models} == set(model_pages.APPS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_reference(setting) -> None:
    assert f"`{setting.name}`" in page("configuration.md")


def test_every_file_that_the_requirements_name_exists() -> None:
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", page("requirements.md"))
    assert len(named) > 60
    assert [path for path in named if not (ROOT / path).exists()] == []
