"""The column "requester": whoever asked is refused on every route that decides, and stopped nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from approvals.models import ApprovalRequest
from audit.models import AuditRecord, OpsAlert
from tests.access.bodies import ASKED_AT, BODIES, REASON, TOKEN, stand
from tests.access.matrix import MATRIX, NOT_THE_REQUESTER, ZERO, cells
from tests.access.people import Cast, Member

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = ("token", "session")


@pytest.fixture(autouse=True)
def roomy(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=100_000, API_RATE_PER_MIN=100_000)
    with override_settings(DATA_DIR=tmp_path):
        yield


def client_of(who: Member, way: str) -> Client:
    if way == "token":
        return Client(headers={"Authorization": f"Bearer {who.token}"})
    browser = Client()
    browser.force_login(who.user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def asked_by(who: Member, pattern: str, cast: Cast) -> tuple[str, dict[str, Any]]:
    """``who`` asks; the path and the complete body with which the request would be decided."""
    stand(pattern, cast)
    asked_at = ASKED_AT[pattern]
    assert who.post("/" + asked_at, BODIES.get(asked_at, REASON)).status_code in (200, 202)
    row = ApprovalRequest.objects.get(status="pending")
    body = dict(TOKEN)
    if pattern == "api/ui/dashboard-approve":
        body |= {"approval_id": str(row.pk), "payload_digest": row.payload_digest, "decision": "approve"}
    if "strategy" in pattern:
        body |= {"strategy": "cross_exchange_arb"}
    return "/" + pattern.replace("<uuid:approval_id>", str(row.pk)), body


def test_every_route_that_decides_has_a_requester_column() -> None:
    assert set(ASKED_AT) == NOT_THE_REQUESTER
    assert set(MATRIX) >= NOT_THE_REQUESTER


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pattern", sorted(NOT_THE_REQUESTER))
def test_whoever_asked_decides_nothing_and_it_is_recorded(cast: Cast, pattern: str, way: str) -> None:
    path, body = asked_by(cast.alice, pattern, cast)
    kind = {} if "dashboard-" in pattern else {"content_type": "application/json"}
    answer = client_of(cast.alice, way).post(path, body, **kind)
    assert (answer.status_code, answer.json().get("error")) == (403, "same_person")
    row = ApprovalRequest.objects.get(status="pending")
    assert row.requested_by_name == "alice"
    refused = AuditRecord.objects.filter(status="forbidden", person="alice", action__endswith=("_approve"))
    denied = AuditRecord.objects.filter(status="forbidden", person="alice", action__endswith=("_deny"))
    assert refused.exists() or denied.exists()
    assert OpsAlert.objects.filter(kind="self_approval_refused").exists()


@pytest.mark.parametrize("way", WAYS)
def test_elsewhere_the_requester_reaches_what_an_operator_reaches(cast: Cast, way: str) -> None:
    stand("", cast)
    cast.alice.post("/api/ui/kill-request", REASON)
    own = str(ApprovalRequest.objects.get(status="pending").pk)
    client, wrong = client_of(cast.alice, way), []
    for route, method, letters in cells():
        if route.pattern in NOT_THE_REQUESTER:
            continue
        path = route.path.replace(ZERO, own) if "approval_id" in route.pattern else route.path
        sent = {} if method == "GET" else {"content_type": "application/json", "data": '{"no_such_field": 1}'}
        status = client.generic(method, path, **sent).status_code
        if ("O" in letters) == (status in (401, 403, 405)) or status in (500, 502):
            wrong.append((method, path, status))
    assert wrong == []
