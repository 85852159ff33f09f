"""propbotctl against a desk that answers over HTTP."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.core.management import call_command

from approvals import glass
from approvals.services.glass import glass_seal
from propbot.console.cli import main
from propbot.console.management.commands.desk import Command as ManageDesk
from propbot.errors import RefusedError
from risk.selectors import control_read, desk_read
from tests.access.people import APPROVE_TOKEN, Cast, Member
from tests.house.source import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


def ctl(desk: Any, who: Member, *words: str) -> Result:
    return CliRunner().invoke(main, ["--base-url", desk.url, "--token", who.token, *words])


def test_status_says_the_line_and_json_says_everything(live_server: Any, cast: Cast) -> None:
    told = ctl(live_server, cast.vera, "status")
    assert told.exit_code == 0
    assert "Two people are needed to resume" in told.output
    assert json.loads(ctl(live_server, cast.vera, "--json", "status").output)["mode"] == "HOLD"


def test_both_steps_of_an_approval_work_from_two_terminals(live_server: Any, cast: Cast) -> None:
    assert ctl(live_server, cast.alice, "hold", "testing").exit_code == 0
    assert "awaiting second confirmation" in ctl(live_server, cast.alice, "resume", "request", "checked").output
    own = ctl(live_server, cast.alice, "resume", "confirm", "--approve-token", APPROVE_TOKEN)
    assert own.exit_code == 1
    assert "403" in own.output
    done = ctl(live_server, cast.bob, "resume", "confirm", "--approve-token", APPROVE_TOKEN)
    assert done.exit_code == 0
    assert "HOLD is cleared: True" in done.output
    assert ctl(live_server, cast.alice, "resume").exit_code == 1  # SAFE_MODE is still on


def test_a_request_is_approved_as_it_was_shown(live_server: Any, cast: Cast) -> None:
    ctl(live_server, cast.alice, "resume", "request", "checked")
    pending = json.loads(ctl(live_server, cast.bob, "--json", "approvals").output)["pending"]
    done = ctl(live_server, cast.bob, "approvals", "approve", pending[0]["id"], "--approve-token", APPROVE_TOKEN)
    assert done.exit_code == 0, done.output
    assert "asked by alice" in done.output


def test_a_viewer_is_refused_with_exit_code_1(live_server: Any, cast: Cast) -> None:
    assert ctl(live_server, cast.vera, "hold", "no").exit_code == 1


def test_a_desk_that_does_not_answer_is_exit_code_3(cast: Cast) -> None:
    refused = CliRunner().invoke(main, ["--base-url", "http://127.0.0.1:9", "--token", "x", "status"])
    assert refused.exit_code == 3


@pytest.mark.parametrize(
    "words", [("components",), ("positions",), ("alerts",), ("approvals",), ("ops-report", "--csv")]
)
def test_every_reading_command_answers(live_server: Any, cast: Cast, words: tuple[str, ...]) -> None:
    assert ctl(live_server, cast.alice, *words).exit_code == 0


def test_the_audit_trail_is_written_to_a_file(live_server: Any, cast: Cast, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    assert ctl(live_server, cast.otto, "export-log", "--out", str(out)).exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert all(row["hash"] for row in rows if "hash" in row)
    assert rows


def test_the_old_script_is_still_there() -> None:
    told = subprocess.run(
        [sys.executable, ROOT / "cli/propbotctl.py", "--help"], capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0
    assert "Operate a PropBot desk" in told.stdout


def managed(desk: Any, who: Member, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of ``manage.py desk WORDS`` in a shell of this person."""
    monkeypatch.setenv("PROPBOT_BASE_URL", desk.url)
    monkeypatch.setenv("API_TOKEN", who.token)
    with pytest.raises(SystemExit) as ended:
        ManageDesk().run_from_argv(["manage.py", "desk", *words])
    return int(ended.value.code or 0)


def test_manage_py_has_the_same_commands_and_the_same_two_people(
    live_server: Any, cast: Cast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert managed(live_server, cast.alice, monkeypatch, "hold", "testing") == 0
    assert managed(live_server, cast.alice, monkeypatch, "resume", "request", "checked") == 0
    assert managed(live_server, cast.alice, monkeypatch, "resume", "confirm", "--approve-token", APPROVE_TOKEN) == 1
    assert managed(live_server, cast.bob, monkeypatch, "resume", "confirm", "--approve-token", APPROVE_TOKEN) == 0
    assert not desk_read().hold_active
    capsys.readouterr()
    assert managed(live_server, cast.vera, monkeypatch, "--json", "status") == 0
    assert json.loads(capsys.readouterr().out)["hold_active"] is False
    assert managed(live_server, cast.vera, monkeypatch, "no-such-command") == 2
    call_command("desk", "status")
    assert "SAFE_MODE" in capsys.readouterr().out


def test_control_loosens_with_two_terminals(live_server: Any, cast: Cast) -> None:
    asked = ctl(live_server, cast.alice, "control", "auto_hedge_enabled=on", "--reason", "quiet")
    assert asked.exit_code == 0, asked.output
    assert "asked:" in asked.output
    pending = json.loads(ctl(live_server, cast.bob, "--json", "approvals").output)["pending"]
    done = ctl(live_server, cast.bob, "approvals", "approve", pending[0]["id"], "--approve-token", APPROVE_TOKEN)
    assert done.exit_code == 0, done.output
    assert control_read().auto_hedge_enabled is True


def test_a_limit_is_asked_to_be_raised_and_lowered_at_once(live_server: Any, cast: Cast) -> None:
    assert "awaiting" in ctl(live_server, cast.alice, "raise-limit", "MAX_TOTAL_NOTIONAL_USDT", "120000", "more").output
    lowered = ctl(live_server, cast.alice, "raise-limit", "MAX_OPEN_POSITIONS", "2", "less")
    assert lowered.exit_code == 0, lowered.output
    assert "MAX_OPEN_POSITIONS is 2" in lowered.output


def test_unfreezing_an_active_strategy_is_refused_in_words(live_server: Any, cast: Cast) -> None:
    told = ctl(live_server, cast.alice, "unfreeze", "no_such_strategy", "why")
    assert told.exit_code == 1
    assert "no_such_strategy" in told.output


@pytest.mark.parametrize("words", [("kill-confirm",), ("cancel-all-confirm",)])
def test_confirming_what_nobody_asked_is_refused(live_server: Any, cast: Cast, words: tuple[str, ...]) -> None:
    told = ctl(live_server, cast.bob, *words, "--approve-token", APPROVE_TOKEN)
    assert told.exit_code == 1
    assert "none_pending" in told.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_without_a_token(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    told = CliRunner().invoke(main, ["completion", shell])
    assert told.exit_code == 0
    assert "_PROPBOTCTL_COMPLETE" in told.output


def test_without_a_token_every_other_command_is_a_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    assert CliRunner().invoke(main, ["status"]).exit_code == 2


def broken(desk: Any, who: Member, given: str, *words: str) -> Result:
    words = ("--base-url", desk.url, "--token", who.token, *words)
    return CliRunner().invoke(main, words, input=given)


def test_two_sealed_codes_stop_the_desk_from_a_terminal(live_server: Any, cast: Cast) -> None:
    codes = [code.text for code in glass_seal(count=3)]
    done = broken(live_server, cast.vera, "\n".join(codes[1:]), "break-glass", "hold", "nobody answers")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == ["Envelopes 2, 3 are open.", "hold: done"]
    assert not [code for code in codes if code in done.output]
    assert desk_read().hold_source == "break_glass"
    shown = json.loads(ctl(live_server, cast.otto, "--json", "envelopes").output)
    assert [row["state"] for row in shown["envelopes"]] == ["sealed", "open", "open"]
    assert "sealed" in ctl(live_server, cast.otto, "envelopes").output


@pytest.mark.parametrize(("given", "code"), [("", 2), ("PBG-ONE\n", 2), ("PBG-ONE\nPBG-TWO\n", 1)])
def test_codes_that_open_nothing_are_refused_at_the_terminal_too(
    live_server: Any, cast: Cast, given: str, code: int
) -> None:
    glass_seal(count=3)
    before = desk_read().hold_id
    assert broken(live_server, cast.vera, given, "break-glass", "hold", "nobody answers").exit_code == code
    assert desk_read().hold_id == before


def test_a_step_that_failed_is_an_exit_code_of_its_own_words(
    live_server: Any, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(reason: str) -> dict[str, Any]:
        raise RefusedError("venue_unavailable", "no venue answers", status=503)

    monkeypatch.setitem(glass._steps, "cancel_all", fails)
    codes = [code.text for code in glass_seal(count=3)]
    done = broken(live_server, cast.vera, "\n".join(codes[:2]), "break-glass", "cancel_all", "nobody answers")
    assert done.exit_code == 1
    assert "cancel_all: no venue answers" in done.output
    assert "manage.py panic" in done.output
