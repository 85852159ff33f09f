"""Who comes in, as whom, and what is written down when somebody does not."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from approvals.models import TokenNote
from approvals.services.people import account_link, person_deactivate, role_set, token_issue, token_revoke
from audit.models import AuditRecord, OpsAlert
from tests.access.people import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probe_urls")]
BODY = {"amount": "1"}


@pytest.mark.parametrize(
    ("name", "read", "audit_read", "write"),
    [("alice", 200, 200, 200), ("otto", 200, 200, 403), ("vera", 200, 403, 403)],
)
def test_each_role_reaches_what_is_its_own(cast: Cast, name: str, read: int, audit_read: int, write: int) -> None:
    who = getattr(cast, name)
    assert who.get("/probe").status_code == read
    assert who.get("/probe/auditors").status_code == audit_read
    assert who.post("/probe", BODY).status_code == write


def test_a_session_reaches_the_same_as_a_token_but_needs_csrf(cast: Cast) -> None:
    browser = cast.alice.session()
    assert browser.get("/probe").status_code == 200
    refused = browser.post("/probe", BODY, content_type="application/json")
    assert refused.status_code == 403
    assert AuditRecord.objects.filter(action="request_refused", status="forbidden").count() == 1
    browser.cookies["csrftoken"] = "c" * 32
    allowed = browser.post("/probe", BODY, content_type="application/json", headers={"X-CSRFToken": "c" * 32})
    assert (allowed.status_code, allowed.json()["actor"]) == (200, "alice")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer " + "0" * 64},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \u00fc"},
        {"Authorization": "Bearer a b"},
    ],
)
def test_without_a_good_token_it_is_401(cast: Cast, headers: dict[str, str]) -> None:
    answer = Client(headers=headers).get("/probe")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_an_expired_or_revoked_token_opens_nothing(cast: Cast) -> None:
    AuthToken.objects.filter(user=cast.alice.user).update(expiry=timezone.now() - timedelta(seconds=1))
    assert cast.alice.get("/probe").status_code == 401
    assert AuthToken.objects.filter(user=cast.alice.user).exists()
    token_revoke(fingerprint=AuthToken.objects.get(user=cast.bob.user).digest[:12])
    assert cast.bob.get("/probe").status_code == 401


def test_a_deactivated_person_is_out_at_once(cast: Cast) -> None:
    session = cast.bob.session()
    person_deactivate(person=cast.bob.person)
    assert cast.bob.get("/probe").status_code == 401
    assert session.get("/probe").status_code == 401


def test_a_superuser_without_a_person_has_no_role(cast: Cast) -> None:
    root = User.objects.create_superuser("root", password="a-long-password-1")
    browser = Client()
    browser.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/probe").status_code == 403


def test_losing_the_role_takes_effect_with_the_next_request(cast: Cast) -> None:
    role_set(person=cast.bob.person, role=None)
    assert cast.bob.get("/probe").status_code == 403


def test_a_refused_write_is_recorded_with_who_and_where(cast: Cast) -> None:
    cast.vera.post("/probe", BODY)
    row = AuditRecord.objects.get(action="request_refused")
    assert (row.person, row.status, row.target, row.details["status_code"]) == ("vera", "forbidden", "/probe", 403)


def test_a_flood_without_a_token_is_recorded_once_a_minute_and_told(cast: Cast) -> None:
    stranger = Client()
    for _ in range(25):
        assert stranger.post("/probe", BODY, content_type="application/json").status_code == 401
    assert AuditRecord.objects.filter(action="request_refused").count() == 1
    assert OpsAlert.objects.filter(kind="bad_tokens").count() == 1


def test_reading_writes_nothing_but_the_last_use(cast: Cast) -> None:
    before = AuditRecord.objects.count()
    cast.vera.get("/probe")
    cast.vera.get("/probe/auditors")
    note = TokenNote.objects.get(person=cast.vera.person)
    assert note.last_used_at is not None
    assert AuditRecord.objects.count() == before


def test_the_second_account_of_a_person_acts_as_that_person(cast: Cast) -> None:
    user = account_link(person=cast.alice.person, username="alice-two")
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/probe").json()["who"] == "alice"


def test_tokens_are_stored_hashed_and_listed_without_the_token(cast: Cast, capsys) -> None:
    text = token_issue(person=cast.vera.person, hours=1, label="phone")
    call_command("list_tokens")
    printed = capsys.readouterr().out
    assert text not in printed
    assert "phone" in printed
    assert not AuthToken.objects.filter(digest=text).exists()


def test_who_the_client_says_it_is_is_noted_and_not_believed(cast: Cast) -> None:
    answer = cast.alice.post("/probe", {**BODY, "requested_by": "bob", "actor": "root"}).json()
    assert answer["actor"] == "alice"
    assert answer["claimed"] == "bob; root"
