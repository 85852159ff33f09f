"""The dashboard's forms: CSRF, roles, and the same services as the API."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from approvals.models import ApprovalRequest
from audit.models import AuditRecord
from risk.selectors import desk_read
from tests.access.people import APPROVE_TOKEN, Cast, Member

pytestmark = pytest.mark.django_db(transaction=True)
FORMS = ("hold", "resume-request", "resume", "control", "kill", "unfreeze-strategy", "budget-reset", "approve")


def form(member: Member, name: str, fields: dict[str, str], **headers: str) -> Any:
    """As the dashboard sends it: session, CSRF token, JSON wanted."""
    client = member.session()
    client.get("/ui/dashboard")
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    sent = {**fields, "csrfmiddlewaretoken": token}
    return client.post(f"/api/ui/dashboard-{name}", sent, headers={"Accept": "application/json", **headers})


@pytest.mark.parametrize("name", FORMS)
def test_no_form_works_without_its_csrf_token(cast: Cast, name: str) -> None:
    client = cast.alice.session()
    assert client.post(f"/api/ui/dashboard-{name}", {"reason": "x"}).status_code == 403
    plain = client.post(f"/api/ui/dashboard-{name}", "reason=x", content_type="text/plain")
    assert plain.status_code in (403, 415)
    assert Client().post(f"/api/ui/dashboard-{name}", {"reason": "x"}).status_code in (401, 403)


def test_a_foreign_origin_is_refused(cast: Cast) -> None:
    answer = form(cast.alice, "hold", {"reason": "x"}, Origin="https://evil.example")
    assert answer.status_code == 403


@pytest.mark.parametrize("who", ["vera", "otto"])
@pytest.mark.parametrize("name", FORMS)
def test_who_is_no_operator_is_refused_and_recorded(cast: Cast, who: str, name: str) -> None:
    assert form(getattr(cast, who), name, {"reason": "x"}).status_code == 403
    refused = AuditRecord.objects.filter(action="request_refused", person=who, status="forbidden")
    assert refused.filter(target=f"/api/ui/dashboard-{name}").exists()


def test_hold_by_form_stops_the_desk_in_the_name_of_the_person(cast: Cast) -> None:
    answer = form(cast.alice, "hold", {"reason": "funding reset"})
    assert answer.status_code == 200
    assert answer.json()["message"].startswith("HOLD #")
    desk = desk_read()
    assert (desk.hold_reason, desk.hold_source) == ("funding reset", "alice")
    written = AuditRecord.objects.filter(action="hold").first()
    assert written is not None
    assert (written.person, written.channel) == ("alice", "dashboard")


def test_the_way_back_takes_two_people_on_the_page_too(cast: Cast) -> None:
    assert form(cast.alice, "resume-request", {"reason": "checked"}).status_code == 200
    row = ApprovalRequest.objects.get(action="resume")
    decision = {
        "approval_id": str(row.pk),
        "payload_digest": row.payload_digest,
        "token": APPROVE_TOKEN,
        "decision": "approve",
    }
    own = form(cast.alice, "approve", decision)
    assert own.status_code == 403
    assert form(cast.bob, "approve", {**decision, "token": "wrong"}).status_code == 401
    assert form(cast.bob, "approve", {**decision, "payload_digest": "0" * 64}).status_code == 409
    done = form(cast.bob, "approve", decision)
    assert done.json()["message"] == "Approved and executed."
    assert desk_read().hold_active is False


def test_a_request_can_be_denied(cast: Cast) -> None:
    form(cast.alice, "resume-request", {"reason": "checked"})
    row = ApprovalRequest.objects.get(action="resume")
    decision = {"approval_id": str(row.pk), "payload_digest": row.payload_digest, "token": APPROVE_TOKEN}
    assert form(cast.bob, "approve", {**decision, "decision": "deny"}).json()["message"] == "Denied."
    assert desk_read().hold_active is True


def test_tightening_is_at_once_and_loosening_asks(cast: Cast) -> None:
    refused = form(cast.alice, "control", {"change": "safe_mode_off", "reason": "x"})
    assert refused.status_code == 423
    assert "HOLD" in refused.json()["message"]
    asked = form(cast.alice, "control", {"change": "auto_hedge_on", "reason": "x"})
    assert "Awaiting second confirmation" in asked.json()["message"]
    assert form(cast.alice, "control", {"change": "nonsense"}).status_code == 400


def test_kill_stops_at_once_and_waits_for_the_second_person(cast: Cast) -> None:
    answer = form(cast.alice, "kill", {"reason": "fire"})
    assert answer.status_code == 200, answer.content
    assert "Awaiting second confirmation" in answer.json()["message"]
    assert ApprovalRequest.objects.filter(action="kill", status="pending").exists()


def test_a_browser_without_script_is_sent_back_and_told(cast: Cast) -> None:
    client = cast.alice.session()
    client.get("/ui/dashboard")
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    headers = {"Accept": "text/html,*/*;q=0.8"}
    answer = client.post("/api/ui/dashboard-hold", {"reason": "x", "csrfmiddlewaretoken": token}, headers=headers)
    assert (answer.status_code, answer["Location"]) == (302, "/ui/dashboard")
    assert "HOLD #" in client.get("/ui/dashboard").content.decode()
