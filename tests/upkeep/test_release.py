"""The tag of a release: annotated, of the one version, pushed; everything else is refused (a bare repository stands in)."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tools.release import lock, sbom
from tools.release.__main__ import ReleaseError, notes_of, release, version_of

PROJECT = '[project]\nname = "propbot"\nversion = "{version}"\n'
CHANGES = "# Changes\n\n## 0.2.0 (2026-12-01)\n\n- It does more.\n# not a comment\n\n## 0.1.0\n\n- It began.\n"


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=release", "-c", "user.email=release@example.org")
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work tree whose main branch stands in the bare repository ``origin``."""
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "release")
        monkeypatch.setenv(f"{name}_EMAIL", "release@example.org")
    bare, root = tmp_path / "origin.git", tmp_path / "checkout"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    (root / "pyproject.toml").write_text(PROJECT.format(version="0.2.0"))
    (root / "CHANGELOG.md").write_text(CHANGES)
    git(root, "remote", "add", "origin", str(bare))
    save(root)
    return root


def save(root: Path, *, push: bool = True) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "Work")
    if push:
        git(root, "push", "-q", "origin", "HEAD:main")


def pushed_tags(root: Path) -> list[str]:
    return [line.split("/")[-1] for line in git(root, "ls-remote", "--tags", "origin").splitlines() if "^" not in line]


def test_a_release_is_an_annotated_tag_on_the_remote(checkout: Path) -> None:
    assert release(checkout, "0.2.0") == "v0.2.0"
    assert pushed_tags(checkout) == ["v0.2.0"]
    assert git(checkout, "cat-file", "-t", "v0.2.0") == "tag"
    assert git(checkout, "rev-parse", "v0.2.0^{commit}") == git(checkout, "rev-parse", "HEAD")
    message = git(checkout, "tag", "-l", "--format=%(contents)", "v0.2.0")
    assert message.startswith("PropBot 0.2.0\n\n- It does more.\n# not a comment")


@pytest.mark.parametrize("version", ["", "v0.2.0", "0.2", "0.2.0rc1", "latest", "0.2.0; rm -rf /"])
def test_what_is_no_version_is_refused(checkout: Path, version: str) -> None:
    with pytest.raises(ReleaseError, match="no version"):
        release(checkout, version)


def test_another_version_than_the_projects_is_refused(checkout: Path) -> None:
    with pytest.raises(ReleaseError, match=r"pyproject\.toml is version 0\.2\.0"):
        release(checkout, "0.3.0")


def test_an_unclean_tree_is_refused(checkout: Path) -> None:
    (checkout / "left-over").touch()
    with pytest.raises(ReleaseError, match="not clean"):
        release(checkout, "0.2.0")


def test_another_branch_is_refused(checkout: Path) -> None:
    git(checkout, "checkout", "-q", "-b", "experiment")
    with pytest.raises(ReleaseError, match="experiment"):
        release(checkout, "0.2.0")


def test_a_commit_that_was_not_pushed_is_refused(checkout: Path) -> None:
    save(checkout, push=False)
    with pytest.raises(ReleaseError, match="is not this commit"):
        release(checkout, "0.2.0")


def test_a_version_is_released_once(checkout: Path) -> None:
    release(checkout, "0.2.0")
    with pytest.raises(ReleaseError, match="exists already"):
        release(checkout, "0.2.0")
    git(checkout, "tag", "-d", "v0.2.0")
    with pytest.raises(ReleaseError, match=r"has v0\.2\.0 already"):
        release(checkout, "0.2.0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("# Changes\n\n## 0.1.0\n\n- It began.\n", "no section"),
        ("# Changes\n\n## 0.2.0 (unreleased)\n\n- It does more.\n", "unreleased"),
        ("# Changes\n\n## 0.2.0\n\n## 0.1.0\n\n- It began.\n", "says nothing"),
    ],
)
def test_a_release_without_its_notes_is_refused(checkout: Path, changes: str, words: str) -> None:
    (checkout / "CHANGELOG.md").write_text(changes)
    save(checkout)
    with pytest.raises(ReleaseError, match=words):
        release(checkout, "0.2.0")


def test_a_tag_that_could_not_be_pushed_is_taken_back(checkout: Path, tmp_path: Path) -> None:
    hook = tmp_path / "origin.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no tags today' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ReleaseError, match="no tags today"):
        release(checkout, "0.2.0")
    assert git(checkout, "tag", "--list") == ""


def test_the_project_has_one_version_and_notes_about_it() -> None:
    assert f"## {version_of(ROOT)}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    with pytest.raises(ReleaseError, match="no section"):
        notes_of(ROOT, "99.0.0")


def test_the_locks_are_those_of_the_requirements() -> None:
    assert lock.faults(ROOT) == []


def test_a_lock_that_is_behind_is_named(tmp_path: Path) -> None:
    for source, name in lock.PAIRS.items():
        (tmp_path / source).write_text("django==6.0\n")
        (tmp_path / name).write_text("django==5.2.19 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    assert lock.faults(tmp_path)[0] == "requirements.lock: django is not 6.0"


def test_the_bill_of_materials_lists_what_the_image_gets() -> None:
    made = sbom.document(ROOT, datetime(2026, 1, 1, tzinfo=UTC))
    listed = {one["name"]: one["version"] for one in made["components"]}
    for name, version in lock.asked(ROOT, "requirements.txt").items():
        assert listed[name] == version
    assert {"pytest", "ruff", "mypy"} & set(listed) == set()
    assert {"kombu", "asgiref", "cffi"} <= set(listed)
    locked = lock.pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert {name: locked.get(name) for name in listed} == listed
    assert all(one["hashes"] for one in made["components"])
    references = {one["bom-ref"] for one in made["components"]}
    assert all(set(one["dependsOn"]) <= references for one in made["dependencies"])
    assert json.loads(json.dumps(made)) == made
    assert made["serialNumber"] == sbom.document(ROOT, datetime(2027, 1, 1, tzinfo=UTC))["serialNumber"]
