"""The command line: persons, tokens, the first two operators, the demo."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django_otp.plugins.otp_totp.models import TOTPDevice

from approvals.api.authentication import token_found
from approvals.models import ApprovalRequest, Person
from approvals.roles import active_operators, role_of
from audit.models import AuditRecord
from tests.access.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_two_operators_are_made_once(capsys) -> None:
    call_command("bootstrap_operators", "alice", "bob")
    printed = dict(line.split("\t") for line in capsys.readouterr().out.splitlines() if "\t" in line)
    assert User.objects.get(username="alice").check_password(printed["alice"])
    assert active_operators().count() == 2
    with pytest.raises(CommandError, match="operators already"):
        call_command("bootstrap_operators", "carol", "dave")


def test_two_operators_are_two_persons() -> None:
    with pytest.raises(CommandError, match="two persons"):
        call_command("bootstrap_operators", "alice", "alice")


def test_with_operators_at_work_a_new_person_is_a_request(cast: Cast, monkeypatch, capsys) -> None:
    with pytest.raises(CommandError, match="PROPBOT_TOKEN"):
        call_command("create_person", "--name", "carol", "--role", "viewer")
    monkeypatch.setenv("PROPBOT_TOKEN", cast.vera.token)
    with pytest.raises(CommandError, match="operator"):
        call_command("create_person", "--name", "carol", "--role", "viewer")
    monkeypatch.setenv("PROPBOT_TOKEN", cast.alice.token)
    call_command("create_person", "--name", "carol", "--role", "viewer")
    row = ApprovalRequest.objects.get()
    assert (row.action, row.requested_by_name, row.requested_channel) == ("person_create", "alice", "cli")
    assert not Person.objects.filter(name="carol").exists()


def test_before_there_are_operators_an_auditor_is_created_directly_and_an_operator_is_not() -> None:
    call_command("create_person", "--name", "otto", "--role", "auditor", "--password", "a-long-password-1")
    assert role_of(User.objects.get(username="otto")) == "auditor"
    with pytest.raises(CommandError, match="bootstrap_operators"):
        call_command("create_person", "--name", "mallory", "--role", "operator")
    with pytest.raises(CommandError, match="too short"):
        call_command("create_person", "--name", "vera", "--role", "viewer", "--password", "short")


def test_tokens_are_issued_used_and_revoked(cast: Cast, capsys) -> None:
    call_command("issue_token", "--person", "vera", "--label", "phone")
    text = capsys.readouterr().out.strip().splitlines()[-1]
    found = token_found(text)
    assert found is not None
    call_command("revoke_token", found.digest[:12])
    assert token_found(text) is None
    actions = AuditRecord.objects.filter(target="vera").values_list("action", flat=True)
    assert {"credential_issue", "credential_revoke"} <= set(actions)


def test_the_demo_people_come_once_and_keep_what_works(tmp_path: Path) -> None:
    path = tmp_path / "demo-accounts.json"
    path.write_text(json.dumps({"base_url": "http://127.0.0.1:8000", "people": {}}))
    call_command("demo_people", "--file", str(path))
    first = json.loads(path.read_text())
    call_command("demo_people", "--file", str(path))
    assert json.loads(path.read_text()) == first
    assert first["base_url"] == "http://127.0.0.1:8000"
    assert {name: item["role"] for name, item in first["people"].items()} == {
        "alice": "operator",
        "bob": "operator",
        "vera": "viewer",
        "otto": "auditor",
    }
    assert path.stat().st_mode & 0o777 == 0o600
    found = token_found(first["people"]["bob"]["token"])
    assert found is not None
    assert found.user.check_password(first["people"]["bob"]["password"])


def test_a_lost_file_gives_new_credentials_to_the_same_people(tmp_path: Path) -> None:
    path = tmp_path / "demo-accounts.json"
    call_command("demo_people", "--file", str(path))
    path.write_text("{")
    call_command("demo_people", "--file", str(path))
    assert Person.objects.count() == 4
    assert token_found(json.loads(path.read_text())["people"]["alice"]["token"]) is not None


def test_there_are_no_demo_people_in_live(tmp_path: Path, settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(PROFILE="live")
    with pytest.raises(CommandError, match="live"):
        call_command("demo_people", "--file", str(tmp_path / "demo.json"))


def test_a_one_time_device_is_enrolled_and_replaced(cast: Cast, capsys) -> None:
    call_command("enroll_totp", "--person", "bob")
    assert "otpauth://totp/" in capsys.readouterr().out
    with pytest.raises(CommandError, match="--replace"):
        call_command("enroll_totp", "--person", "bob")
    call_command("enroll_totp", "--person", "bob", "--replace")
    assert TOTPDevice.objects.filter(user=cast.bob.user).count() == 1
    assert not AuditRecord.objects.filter(details__icontains="otpauth").exists()


def test_tokens_of_the_store_are_taken_over_for_the_right_people_only(cast: Cast, tmp_path, settings, capsys) -> None:
    text = "an-older-token-of-alice-0123456789"
    tokens = {
        "alice": {"token": text, "role": "operator"},
        "bob": {"token": "short", "role": "operator"},
        "vera": {"token": "an-older-token-of-vera-0123456789", "role": "operator"},
        "mallory": {"token": "an-older-token-of-mallory-012345", "role": "operator"},
    }
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"operator_tokens": tokens}))
    path.chmod(0o600)
    settings.PROPBOT = settings.PROPBOT.replace(SECRETS_STORE_PATH=str(path))
    call_command("import_operator_tokens")
    call_command("import_operator_tokens")
    printed = capsys.readouterr().out
    assert printed.count("alice: imported") == printed.count("alice: known already") == 1
    assert printed.count("skipped") == 6
    found = token_found(text)
    assert found is not None
    assert found.user.get_username() == "alice"
    assert token_found(tokens["vera"]["token"]) is None
