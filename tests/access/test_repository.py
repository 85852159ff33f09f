"""What the repository itself must not hold: secrets, loose versions, a door for a webhook (RELIABILITY G9, H20, H32)."""

import re
import subprocess

import pytest

from tests.access.matrix import routes
from tests.house.source import ROOT

# What a key looks like, whoever issued it; a canary or a placeholder of the tests is none of these.
SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n"),
    "a Telegram bot's token": re.compile(r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a Slack token": re.compile(r"\bxox[abp]-[0-9A-Za-z-]{20,}"),
    "a value of a secret variable": re.compile(
        r"^(?:export )?(?:BINANCE|OKX)[A-Z_]*(?:KEY|SECRET|PASSPHRASE)=[\"']?[A-Za-z0-9+/]{24,}", re.MULTILINE
    ),
}
NEVER_KEPT = re.compile(r"(^|/)(\.env|secrets\.env|demo-accounts\.json|.*\.pem|.*\.key|id_rsa|store\.json)$")


def kept_files() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout: there is no list of what is kept")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_of_the_repository_holds_a_secret() -> None:
    found = []
    for name in kept_files():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        found += [(name, kind) for kind, pattern in SECRETS.items() if pattern.search(text)]
    assert found == []


def test_no_file_that_holds_secrets_by_nature_is_kept() -> None:
    assert [name for name in kept_files() if NEVER_KEPT.search(name)] == []


def test_every_dependency_is_pinned_to_one_version() -> None:
    loose = []
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            words = line.split("#")[0].strip()
            if words and not words.startswith(("-r", "-c", "--")) and "==" not in words:
                loose.append((name, words))
    assert loose == []


def test_no_route_listens_for_a_telegram_webhook() -> None:
    assert [route.pattern for route in routes() if re.search(r"telegram|webhook|hook$", route.pattern)] == []
