"""Which build this is: the version of pyproject.toml and the commit."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def number() -> str:
    """The one version number, from pyproject.toml."""
    match = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise RuntimeError("pyproject.toml names no version")
    return match[1]


@cache
def commit() -> str:
    """The commit: BUILD_COMMIT in an image, git in a checkout, empty where neither is known."""
    stamped = os.environ.get("BUILD_COMMIT", "")
    if stamped or not (ROOT / ".git").exists():
        return stamped[:12]
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


@cache
def version() -> str:
    """``0.1.0+1a2b3c4d5e6f``, or the number alone."""
    return f"{number()}+{commit()}" if commit() else number()
