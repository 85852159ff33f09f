"""Whoever asks cannot approve, through any pair of one person's credentials (RELIABILITY F4)."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.test import Client

from approvals.models import ApprovalRequest
from approvals.services import approval_decide, approval_request
from approvals.services.people import account_link, token_issue
from approvals.shell import token_holder
from audit.context import acting_as
from audit.models import AuditRecord
from propbot.errors import RefusedError
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = ("token", "another token", "session", "second account", "telegram", "cli")
Call = Callable[[str, dict[str, Any]], tuple[int, str]]


def over_http(client: Client) -> Call:
    def call(path: str, body: dict[str, Any]) -> tuple[int, str]:
        headers = {"X-CSRFToken": "c" * 32} if "csrftoken" in client.cookies else {}
        answer = client.post(path, json.dumps(body), content_type="application/json", headers=headers)
        return answer.status_code, answer.json().get("error", "")

    return call


def browser_of(user: Any) -> Call:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies["csrftoken"] = "c" * 32
    return over_http(client)


def bearer(token: str) -> Call:
    return over_http(Client(headers={"Authorization": f"Bearer {token}"}))


def in_process(cast: Cast, channel: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Telegram and CLI come in without HTTP: as the person that their identity belongs to."""

    def call(path: str, body: dict[str, Any]) -> tuple[int, str]:
        monkeypatch.setenv("PROPBOT_TOKEN", cast.alice.token)
        actor = token_holder() if channel == "cli" else cast.alice.actor
        try:
            with acting_as(actor):
                if path.endswith("/approve"):
                    approval_decide(approval_id=path.split("/")[-2], approve=True, token=body["token"])
                else:
                    payload = {"person": body["person"], "role": body["role"]}
                    approval_request(action="role_change", target=body["person"], payload=payload, reason="")
        except RefusedError as error:
            return error.status, error.code
        return 200, ""

    return call


def call_by(way: str, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Call:
    if way == "token":
        return bearer(cast.alice.token)
    if way == "another token":
        return bearer(token_issue(person=cast.alice.person, hours=1))
    if way == "session":
        return browser_of(cast.alice.user)
    if way == "second account":
        return browser_of(account_link(person=cast.alice.person, username="alice-two"))
    return in_process(cast, way, monkeypatch)


@pytest.mark.parametrize(("asking", "approving"), list(product(WAYS, WAYS)))
def test_no_pair_of_one_persons_credentials_is_two_people(
    cast: Cast, lamp: Lamp, monkeypatch: pytest.MonkeyPatch, asking: str, approving: str
) -> None:
    ask = call_by(asking, cast, monkeypatch)
    approve = ask if approving == asking else call_by(approving, cast, monkeypatch)
    status, _ = ask("/api/ui/access", {"action": "role_change", "person": "vera", "role": "auditor"})
    assert status in (200, 202)
    row = ApprovalRequest.objects.get()
    assert approve(f"/api/ui/approvals/{row.pk}/approve", {"token": APPROVE_TOKEN}) == (403, "same_person")
    row.refresh_from_db()
    assert row.status == "pending"
    assert AuditRecord.objects.filter(action="role_change_approve", status="forbidden").exists()
