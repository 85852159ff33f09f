"""The workflows of the hosted CI are valid YAML, may do little, and call what exists here."""

import re
from typing import Any

import pytest
import yaml

from tests.house.source import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def steps(text: str) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]


def test_there_is_a_workflow_for_tests_image_and_compose() -> None:
    assert set(FILES) == {"tests", "image", "compose"}


@pytest.mark.parametrize("name", FILES)
def test_a_workflow_may_read_unless_a_job_needs_more(name: str) -> None:
    document = yaml.safe_load(FILES[name])
    assert document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize("name", FILES)
def test_every_target_and_file_that_is_called_exists(name: str) -> None:
    commands = "\n".join(step.get("run", "") for step in steps(FILES[name]))
    for words in re.findall(r"^\s*(?:sudo )?make ([a-z -]+?)(?:\s+[A-Z_]+=|\s*\|\||$)", commands, re.MULTILINE):
        assert set(words.split()) <= TARGETS, words
    for path in re.findall(r"(?:-f|-r) ([\w.-]+\.(?:yml|lock))|(ops/\w+\.py)|(\.ci/\w+)", commands):
        assert (ROOT / "".join(path)).exists(), path
    for module in re.findall(r"python -m (tools\.[\w.]+)", commands):
        place = ROOT.joinpath(*module.split("."))
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module


@pytest.mark.parametrize("name", FILES)
def test_every_action_names_its_version(name: str) -> None:
    for step in steps(FILES[name]):
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "actions/none@v1")), step


def test_an_image_is_made_of_a_version_tag_alone() -> None:
    document = yaml.safe_load(FILES["image"])
    assert document[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}  # YAML 1.1 reads "on" as true
    text = FILES["image"]
    assert "git cat-file -t" in text
    assert "ghcr.io/${{ github.repository }}/propbot:${{ env.VERSION }}" in text
    assert "--require-hashes" in text


def test_the_suite_runs_on_the_services_of_the_specification() -> None:
    services = yaml.safe_load(FILES["tests"])["jobs"]["suite"]["services"]
    assert {services["postgres"]["image"], services["redis"]["image"]} == {"postgres:15-bookworm", "redis:7-bookworm"}
    assert ".ci/run" in FILES["tests"]
