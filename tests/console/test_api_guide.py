"""Every example of docs/api.md, run as it stands there, against the real application on a real port."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.core.management import call_command

from propbot.console.cli import main
from risk.selectors import desk_read
from tests.access.people import APPROVE_TOKEN, Cast
from tests.console.serving import serving
from tests.house.source import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
WRITTEN_URL = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for found, body in FENCE.findall(GUIDE) if found == language]


def commands(program: str) -> list[str]:
    lines = [line[2:] for body in blocks("console") for line in body.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith(program)]


class HeardError(Exception):
    """Ends the feed of an example after its first line."""


@pytest.fixture
def desk() -> Iterator[str]:
    with serving() as url:
        yield url


def run_python(code: str, url: str, names: dict[str, Any]) -> None:
    exec(compile(code.replace(WRITTEN_URL, url), "docs/api.md", "exec"), names)  # noqa: S102 - our own page, as its readers run it


def test_the_python_examples_take_the_desk_from_hold_to_run(desk: str, cast: Cast) -> None:
    tokens = {f"{name.upper()}_TOKEN": getattr(cast, name).token for name in ("alice", "bob", "vera")}
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        raise HeardError

    names: dict[str, Any] = {**tokens, "APPROVE_TOKEN": APPROVE_TOKEN, "print": say}
    reading, starting, refused, feed = blocks("python")
    run_python(starting, desk, names)
    assert desk_read().mode == "RUN"
    run_python(refused, desk, names)
    run_python(reading, desk, names)
    assert list(names["every_position"](names["bob"])) == []
    with pytest.raises(HeardError):
        run_python(feed, desk, names)
    names["alice"].close()
    names["bob"].close()
    assert "#" in told[0]


@pytest.mark.parametrize("line", list(dict.fromkeys(commands("curl"))))
def test_the_curl_examples_are_answered(desk: str, cast: Cast, line: str) -> None:
    words = shlex.split(line.replace(WRITTEN_URL, desk).replace("$API_TOKEN", cast.alice.token))
    told = subprocess.run([*words, "-w", "\n%{http_code}"], capture_output=True, text=True, timeout=60, check=True)
    body, _, code = told.stdout.rpartition("\n")
    assert code == "200", told.stdout
    assert "format=csv" in line or json.loads(body) is not None


def test_a_token_is_issued_as_the_guide_says(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = commands("python manage.py")
    _, _, name, *words = shlex.split(line)
    call_command(name, *words)
    assert capsys.readouterr().out.strip()


def test_the_terminal_examples_take_the_desk_from_hold_to_run(
    desk: str, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in commands("propbotctl"):
        command, _, comment = line.partition("#")
        who = getattr(cast, re.split(r"\W", comment.strip())[0])
        _, *words = shlex.split(command)
        if "ID" in words:
            pending = json.loads(ctl(desk, cast.bob, "--json", "approvals").output)["pending"]
            words[words.index("ID")] = pending[0]["id"]
        told = ctl(desk, who, *words, typed=f"{APPROVE_TOKEN}\n")
        assert told.exit_code == 0, f"{line}: {told.output}"
    assert desk_read().mode == "RUN"
    assert (tmp_path / "audit.jsonl").stat().st_size > 0


def ctl(url: str, who: Any, *words: str, typed: str = "") -> Any:
    names = {"PROPBOT_BASE_URL": url, "API_TOKEN": who.token, "COLUMNS": "200"}
    return CliRunner().invoke(main, list(words), input=typed, env=names)
