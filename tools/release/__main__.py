"""``make release TAG=0.1.2``: an annotated tag ``v0.1.2`` of exactly this version, pushed; refused otherwise.

The one version is pyproject.toml's. The image is built by the workflow that the pushed tag starts.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.compile(r"\d+\.\d+\.\d+")
BRANCH = "main"


class ReleaseError(Exception):
    """Why this may not be released, and what cures it."""


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if answer.returncode:
        raise ReleaseError(f"git {arguments[0]}: {answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout.strip()


def version_of(root: Path) -> str:
    match = re.search(r'^version = "([^"]+)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ReleaseError("pyproject.toml names no version")
    return match[1]


def notes_of(root: Path, version: str) -> str:
    """The version's section of CHANGELOG.md, without its heading."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version)}([^\n]*)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ReleaseError(f"CHANGELOG.md has no section {version!r}: write down what changed")
    if "unreleased" in found[1]:
        raise ReleaseError(f"CHANGELOG.md calls {version} unreleased: put its date there")
    if not found[2].strip():
        raise ReleaseError(f"CHANGELOG.md says nothing about {version}")
    return found[2].strip()


def refuse_unfit(root: Path, version: str, remote: str) -> None:
    """Everything that must hold before the tag. Raises ReleaseError with the cure."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"TAG={version!r} is no version: say TAG=1.2.3, without a v")
    own = version_of(root)
    if own != version:
        raise ReleaseError(f"pyproject.toml is version {own}: set it to {version} there first, or say TAG={own}")
    if git(root, "status", "--porcelain"):
        raise ReleaseError("the work tree is not clean: commit first")
    if (branch := git(root, "rev-parse", "--abbrev-ref", "HEAD")) != BRANCH:
        raise ReleaseError(f"this is {branch}: releases are tagged on {BRANCH}")
    if git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"v{version} exists already: a released version never changes")
    _refuse_unpushed(root, version, remote)


def _refuse_unpushed(root: Path, version: str, remote: str) -> None:
    listed = git(root, "ls-remote", remote, f"refs/heads/{BRANCH}", f"refs/tags/v{version}")
    there = {name: commit for commit, name in (line.split("\t") for line in listed.splitlines())}
    if f"refs/tags/v{version}" in there:
        raise ReleaseError(f"{remote} has v{version} already: a released version never changes")
    if there.get(f"refs/heads/{BRANCH}") != git(root, "rev-parse", "HEAD"):
        raise ReleaseError(f"{remote}/{BRANCH} is not this commit: push (or pull) and wait for its tests first")


def release(root: Path, version: str, remote: str = "origin") -> str:
    """Tag and push; the tag's name. A tag that could not be pushed is taken back."""
    refuse_unfit(root, version, remote)
    notes, tag = notes_of(root, version), f"v{version}"
    git(root, "tag", "--annotate", tag, "--cleanup=whitespace", "--message", f"PropBot {version}\n\n{notes}\n")
    try:
        git(root, "push", remote, f"refs/tags/{tag}")
    except ReleaseError:
        git(root, "tag", "--delete", tag)
        raise
    return tag


def main() -> int:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version", nargs="?", default="")
    parser.add_argument("--remote", default="origin")
    options = parser.parse_args()
    try:
        tag = release(ROOT, options.version, options.remote)
    except ReleaseError as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    sys.stdout.write(f"released {tag}: pushed to {options.remote}; its workflow builds the image\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
