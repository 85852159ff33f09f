"""RELIABILITY F18: with every approver away, two sealed codes stop and reduce the desk, loudly, and open nothing."""

import io
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from approvals import glass
from approvals.models import ApprovalExecution, ApprovalRequest, BreakGlassCode
from approvals.registry import action_names
from approvals.services import approval_request
from approvals.services.glass import OPEN_FOR, glass_break, glass_seal
from approvals.services.people import person_deactivate
from audit.models import AuditRecord, OpsAlert
from audit.services import spool_ingest
from propbot.errors import RefusedError
from risk.models import DeskState
from tests.access.people import Cast
from tests.trading.rows import hedge_row
from trading.models import HedgeAttempt

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/ui/break-glass"


@pytest.fixture(autouse=True)
def no_trader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody takes the rows: they are committed, and answered as pending."""
    monkeypatch.setattr("trading.services.submission.WAIT_SECONDS", 0.0)
    with override_settings(DATA_DIR=tmp_path):
        yield


@pytest.fixture
def codes() -> list[str]:
    return [code.text for code in glass_seal(count=5)]


def ask(who: Any, codes: list[str], action: str = "hold", reason: str = "nobody answers") -> Any:
    return who.post(URL, {"action": action, "codes": codes, "reason": reason})


def held() -> DeskState:
    return DeskState.objects.get(pk=1)


def approvers_leave(cast: Cast) -> None:
    """One is gone, one is not reachable; what they had asked has run out."""
    with cast.alice.acting():
        approval_request(action="role_change", target="vera", payload={"person": "vera", "role": "auditor"}, reason="")
    for who in (cast.alice, cast.bob):
        person_deactivate(person=who.person)


def test_with_every_approver_away_a_viewer_closes_the_desk_with_two_codes(cast: Cast, codes: list[str]) -> None:
    approvers_leave(cast)
    hedge_row()
    before = held().hold_id
    answer = ask(cast.vera, [codes[1], codes[3]], "close_all").json()
    assert list(answer["steps"]) == ["hold", "cancel_all", "close_all"]
    assert (answer["success"], answer["envelopes"]) == (True, [2, 4])
    desk = held()
    assert (desk.hold_id, desk.hold_active, desk.safe_mode, desk.mode) == (before + 1, True, True, "HOLD")
    assert desk.hold_source == "break_glass"
    rows = HedgeAttempt.objects.order_by("created_at").values_list("kind", "initiator", "status")
    assert list(rows) == [("cancel_all", "vera", "requested"), ("close_all", "vera", "requested")]
    assert not ApprovalExecution.objects.exists()
    assert set(ApprovalRequest.objects.values_list("status", flat=True)) == {"pending"}


def test_it_is_loud(cast: Cast, codes: list[str]) -> None:
    ask(cast.otto, codes[:2], "cancel_all", f"sick; code {codes[0]} used")
    told = OpsAlert.objects.get(kind="break_glass")
    assert told.severity == "critical"
    assert "BREAK GLASS by otto: cancel_all with envelopes 1 and 2: sick; code [redacted] used" in told.text
    record = AuditRecord.objects.get(action="break_glass")
    assert (record.person, record.role, record.target, record.status) == ("otto", "auditor", "cancel_all", "executed")
    assert record.details["envelopes"] == [1, 2]
    everything = str(list(AuditRecord.objects.values())) + str(list(OpsAlert.objects.values())) + str(vars(held()))
    assert not [code for code in codes if code in everything or code.lower() in everything]


def test_any_two_of_them_are_enough_and_only_hashes_are_stored(cast: Cast, codes: list[str]) -> None:
    for pair in combinations(codes, 2):
        assert ask(cast.vera, [pair[0].lower(), f" {pair[1]} "]).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM approvals_breakglasscode c")
        stored = str(cursor.fetchall())
    assert len(set(codes)) == 5
    assert not [code for code in codes if code in stored]


def spent(codes: list[str]) -> list[str]:
    glass_break(codes=codes[:2], action="hold", reason="first")
    with connection.cursor() as cursor:  # time passes: as the owner, past the trigger that forbids it
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE approvals_breakglasscode SET opened_at = opened_at - %s", [OPEN_FOR])
        cursor.execute("SET session_replication_role = DEFAULT")
    return codes[:2]


def replaced(codes: list[str]) -> list[str]:
    glass_seal(count=3)
    return codes[:2]


BAD_CODES = {
    "one envelope twice": lambda codes: [codes[0], codes[0].lower()],
    "one right and one wrong": lambda codes: [codes[0], "PBG-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA"],
    "hashes instead of codes": lambda codes: list(BreakGlassCode.objects.values_list("digest", flat=True)[:2]),
    "opened more than an hour ago": spent,
    "of a set that was replaced": replaced,
    "the approve token": lambda codes: ["tests-only-approve-token", codes[0]],
}


@pytest.mark.parametrize("name", list(BAD_CODES))
def test_codes_that_open_nothing_change_nothing_and_are_told(cast: Cast, codes: list[str], name: str) -> None:
    given = BAD_CODES[name](codes)
    before = held().hold_id
    answer = ask(cast.vera, given, "close_all")
    assert (answer.status_code, answer.json()["error"]) == (403, "codes_refused")
    assert held().hold_id == before
    assert not HedgeAttempt.objects.exists()
    assert AuditRecord.objects.filter(action="break_glass", status="forbidden", person="vera").count() == 1
    assert OpsAlert.objects.filter(kind="break_glass_refused", severity="critical").count() == 1


def test_a_replaced_and_a_newer_code_are_no_pair(cast: Cast, codes: list[str]) -> None:
    newer = [code.text for code in glass_seal(count=3)]
    assert ask(cast.vera, [codes[0], newer[0]]).status_code == 403
    assert ask(cast.vera, newer[:2]).status_code == 200


@pytest.mark.parametrize("action", [*sorted({*action_names(), "resume", "complete", "execute"} - {"cancel_all"}), ""])
def test_nothing_that_loosens_opens_with_any_number_of_codes(cast: Cast, codes: list[str], action: str) -> None:
    before = held()
    assert ask(cast.alice, codes, action).status_code == 400
    with cast.alice.acting(), pytest.raises(RefusedError, match="opens only"):
        glass_break(codes=codes, action=action, reason="please")
    with pytest.raises(glass.NotReducingError):
        glass.reducing_step(action, lambda reason: {})
    after = held()
    assert (after.hold_id, after.mode, after.safe_mode) == (before.hold_id, before.mode, before.safe_mode)
    assert not BreakGlassCode.objects.filter(opened_at__isnull=False).exists()


def test_afterwards_the_desk_still_needs_two_people_to_start(cast: Cast, codes: list[str]) -> None:
    assert ask(cast.alice, codes[:2]).status_code == 200
    assert cast.alice.post("/api/ui/resume", {"reason": "now"}).status_code == 423
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE risk_deskstate SET hold_active = false")


@pytest.mark.parametrize("body", [{}, {"action": "hold"}, {"action": "hold", "codes": ["x"], "reason": "r"}])
def test_a_body_without_two_codes_or_a_reason_is_400(cast: Cast, body: dict[str, Any]) -> None:
    assert cast.vera.post(URL, body).status_code == 400


def test_without_a_reason_it_stays_whole(cast: Cast, codes: list[str]) -> None:
    answer = ask(cast.vera, codes[:2], reason=" ")
    assert (answer.status_code, answer.json()["error"]) == (400, "reason_needed")
    assert not BreakGlassCode.objects.filter(opened_at__isnull=False).exists()


def test_the_auditor_sees_which_envelopes_are_opened_and_no_code(cast: Cast, codes: list[str]) -> None:
    ask(cast.vera, codes[:2])
    shown = cast.otto.get(URL)
    assert [item["state"] for item in shown.json()["envelopes"]] == ["open", "open", "sealed", "sealed", "sealed"]
    assert not [code for code in codes if code in shown.content.decode()]
    assert cast.vera.get(URL).status_code == 403


def test_a_step_that_fails_does_not_keep_the_next_from_being_tried(
    cast: Cast, codes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(reason: str) -> dict[str, Any]:
        raise RefusedError("hold_unconfirmed", "the database did not take the HOLD", status=503)

    monkeypatch.setitem(glass._steps, "hold", broken)
    answer = ask(cast.vera, codes[:2], "close_all").json()
    assert answer["success"] is False
    assert [step["done"] for step in answer["steps"].values()] == [False, True, True]


def test_without_a_working_audit_it_still_stops_the_desk_and_is_recorded_later(
    cast: Cast, codes: list[str], settings: Any
) -> None:
    kept = settings.PROPBOT
    settings.PROPBOT = kept.replace(AUDIT_HMAC_KEY="")
    with cast.vera.acting():
        answer = glass_break(codes=codes[:2], action="hold", reason="all are away")
    assert answer["success"] is True
    settings.PROPBOT = kept
    assert not AuditRecord.objects.filter(action="break_glass").exists()
    spool_ingest()
    assert AuditRecord.objects.get(action="break_glass").person == "vera"


def test_the_command_line_seals_and_breaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("seal_break_glass", codes=4)
    printed = dict(line.split("\t") for line in capsys.readouterr().out.splitlines() if "\t" in line)
    assert list(printed) == ["1", "2", "3", "4"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{printed['1']}\n{printed['4']}\n"))
    call_command("break_glass", "cancel_all", reason="nobody answers")
    record = AuditRecord.objects.get(action="break_glass")
    assert (record.role, record.channel, record.details["envelopes"]) == ("administrator", "cli", [1, 4])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{printed['1']}\n"))
    with pytest.raises(CommandError, match="different codes"):
        call_command("break_glass", "hold", reason="nobody answers")


@pytest.mark.parametrize("count", [2, 21, -1])
def test_a_set_of_too_few_or_too_many_codes_is_refused(count: int) -> None:
    with pytest.raises(CommandError, match="3 to 20"):
        call_command("seal_break_glass", codes=count)
    assert not BreakGlassCode.objects.exists()


GLASS_ATTACKS = {
    "sealed again": "UPDATE approvals_breakglasscode SET opened_at = NULL WHERE opened_at IS NOT NULL",
    "opened later": "UPDATE approvals_breakglasscode SET opened_at = %(later)s WHERE opened_at IS NOT NULL",
    "another hash": "UPDATE approvals_breakglasscode SET digest = md5(digest) WHERE number = 1",
    "removed": "DELETE FROM approvals_breakglasscode",
    "emptied": "TRUNCATE approvals_breakglasscode",
}


@pytest.mark.parametrize("name", list(GLASS_ATTACKS))
def test_raw_sql_cannot_seal_an_opened_envelope_again(codes: list[str], name: str) -> None:
    glass_break(codes=codes[:2], action="hold", reason="first")
    later = timezone.now() + OPEN_FOR
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(GLASS_ATTACKS[name], {"later": later})
    assert BreakGlassCode.objects.filter(opened_at__isnull=False).count() == 2
