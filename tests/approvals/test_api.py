"""Approvals, access and secrets over HTTP."""

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import override_settings

from approvals.models import ApprovalRequest, Person, SealedSecret
from approvals.roles import role_of
from approvals.services import approval_request
from approvals.services.sealed import sealed_secrets_apply, trader_key_ensure
from audit.models import AuditRecord, OpsAlert
from propbot import secrets_store
from propbot.secrets_store import open_store
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.access.probe_urls")]
VALUE = "a-new-exchange-secret-0123456789"
FIELDS = {
    "id", "action", "target", "sentence", "payload", "payload_digest", "before", "after", "reason", "requested_by",
    "requested_at", "expires_at", "status", "decided_by",
}  # fmt: skip


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path):
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path


@pytest.fixture
def row(cast: Cast, lamp: Lamp) -> ApprovalRequest:
    with cast.alice.acting():
        return approval_request(action="lamp_on", payload={}, reason="it is dark")


def test_everybody_sees_what_is_pending_and_what_was(cast: Cast, row: ApprovalRequest) -> None:
    for who in cast:
        answer = who.get("/api/ui/approvals").json()
        assert set(answer["pending"][0]) >= FIELDS
        assert answer["pending"][0]["may_decide"] is (who.person.name == "bob")
        assert answer["recent"] == []


def test_approving_over_http_answers_with_the_result(cast: Cast, row: ApprovalRequest, lamp: Lamp) -> None:
    body = {"token": APPROVE_TOKEN, "payload_digest": row.payload_digest, "reason": "fine"}
    answer = cast.bob.post(f"/api/ui/approvals/{row.pk}/approve", body)
    assert (answer.status_code, answer.json()["lamp"], answer.json()["status"]) == (200, "on", "executed")
    again = cast.bob.post(f"/api/ui/approvals/{row.pk}/approve", body)
    assert (again.status_code, again.json()["error"]) == (409, "already_decided")


@pytest.mark.parametrize(
    ("name", "body", "status", "error"),
    [
        ("alice", {"token": APPROVE_TOKEN}, 403, "same_person"),
        ("vera", {"token": APPROVE_TOKEN}, 403, "forbidden"),
        ("otto", {"token": APPROVE_TOKEN}, 403, "forbidden"),
        ("bob", {}, 401, "bad_token"),
        ("bob", {"token": "wrong"}, 401, "bad_token"),
        ("bob", {"token": APPROVE_TOKEN, "payload_digest": "0" * 64}, 409, "payload_changed"),
        ("bob", {"token": APPROVE_TOKEN, "status": "executed"}, 400, "invalid_body"),
    ],
)
def test_every_refusal_has_its_code(
    cast: Cast, row, lamp: Lamp, name: str, body: dict, status: int, error: str
) -> None:
    answer = getattr(cast, name).post(f"/api/ui/approvals/{row.pk}/approve", body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert lamp.lit == []


def test_an_unknown_request_is_404(cast: Cast) -> None:
    path = "/api/ui/approvals/00000000-0000-4000-8000-000000000000/approve"
    assert cast.bob.post(path, {"token": APPROVE_TOKEN}).status_code == 404


def test_only_who_asked_may_take_it_back(cast: Cast, row: ApprovalRequest) -> None:
    path = f"/api/ui/approvals/{row.pk}/withdraw"
    assert cast.bob.post(path).status_code == 403
    assert cast.alice.post(path).json()["status"] == "withdrawn"
    assert cast.alice.post(path).status_code == 409


def test_a_role_changes_with_two_people_and_never_ones_own(cast: Cast) -> None:
    asked = cast.alice.post("/api/ui/access", {"action": "role_change", "person": "vera", "role": "auditor"})
    assert asked.status_code == 202
    done = cast.bob.post(f"/api/ui/approvals/{asked.json()['request_id']}/approve", {"token": APPROVE_TOKEN})
    assert done.status_code == 200
    assert role_of(cast.vera.user) == "auditor"
    own = cast.alice.post("/api/ui/access", {"action": "role_change", "person": "bob", "role": "viewer"})
    refused = cast.bob.post(f"/api/ui/approvals/{own.json()['request_id']}/approve", {"token": APPROVE_TOKEN})
    assert (refused.status_code, refused.json()["error"]) == (403, "own_access")


def test_a_new_person_and_a_new_link_are_approved_too(cast: Cast) -> None:
    for body in (
        {"action": "person_create", "person": "carol", "role": "operator"},
        {"action": "person_link", "person": "vera", "username": "vera-two"},
        {"action": "person_link", "person": "otto", "telegram_id": 4711},
    ):
        asked = cast.alice.post("/api/ui/access", body).json()
        assert (
            cast.bob.post(f"/api/ui/approvals/{asked['request_id']}/approve", {"token": APPROVE_TOKEN}).status_code
            == 200
        )
    people = {item["name"]: item for item in cast.otto.get("/api/ui/access").json()["people"]}
    assert people["carol"]["role"] == "operator"
    assert people["otto"]["telegram"] is True
    assert Person.objects.get(name="vera").accounts.count() == 2


@pytest.mark.parametrize(
    "body",
    [
        {"action": "person_create", "person": "Carol", "role": "viewer"},
        {"action": "person_create", "person": "alice", "role": "viewer"},
        {"action": "person_create", "person": "carol", "role": "root"},
        {"action": "person_link", "person": "vera"},
        {"action": "person_link", "person": "vera", "username": "a b"},
        {"action": "role_change", "person": "nobody", "role": "viewer"},
        {"action": "become_root", "person": "vera"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused_when_it_is_asked(cast: Cast, body: dict) -> None:
    assert cast.alice.post("/api/ui/access", body).status_code in (400, 404, 409)
    assert not ApprovalRequest.objects.exists()


def linked(cast: Cast, person: str, telegram_id: int) -> int:
    """The status with which alice's wish and bob's approval end."""
    body = {"action": "person_link", "person": person, "telegram_id": telegram_id, "reason": "a new phone"}
    asked = cast.alice.post("/api/ui/access", body)
    if asked.status_code != 202:
        return int(asked.status_code)
    path = f"/api/ui/approvals/{asked.json()['request_id']}/approve"
    return int(cast.bob.post(path, {"token": APPROVE_TOKEN}).status_code)


def test_one_telegram_id_is_one_person(cast: Cast) -> None:
    assert linked(cast, "vera", 4711) == 200
    assert linked(cast, "otto", 4711) == 409
    assert linked(cast, "alice", 4711) in (403, 409)
    assert list(Person.objects.filter(telegram_id=4711).values_list("name", flat=True)) == ["vera"]
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.filter(name="otto").update(telegram_id=4711)


def rotate(cast: Cast) -> str:
    asked = cast.alice.post("/api/ui/secret", {"name": "okx_secret", "value": VALUE, "reason": "90 days"})
    assert asked.status_code == 202
    return str(asked.json()["request_id"])


def test_a_new_secret_travels_sealed_and_arrives_only_in_the_trader(cast: Cast, settings, data_dir: Path) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(SECRETS_STORE_PATH=str(data_dir / "secrets.json"))
    trader_key_ensure()
    request_id = rotate(cast)
    assert cast.bob.post(f"/api/ui/approvals/{request_id}/approve", {"token": APPROVE_TOKEN}).status_code == 200
    assert SealedSecret.objects.get().sealed
    assert sealed_secrets_apply() == 1
    store = open_store(settings.PROPBOT)
    assert store is not None
    assert store.get("okx_secret") == VALUE
    assert SealedSecret.objects.get().sealed == ""
    assert sealed_secrets_apply() == 0


def test_a_store_that_is_being_changed_is_waited_for_and_nothing_is_dropped(
    cast: Cast, settings, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(SECRETS_STORE_PATH=str(data_dir / "secrets.json"))
    trader_key_ensure()
    cast.bob.post(f"/api/ui/approvals/{rotate(cast)}/approve", {"token": APPROVE_TOKEN})
    monkeypatch.setattr(secrets_store, "LOCK_SECONDS", 0.0)
    store = open_store(settings.PROPBOT)
    assert store is not None
    with store._locked():
        assert sealed_secrets_apply() == 0
    assert SealedSecret.objects.get().status == "approved"
    assert sealed_secrets_apply() == 1


def test_a_value_that_cannot_be_stored_is_dropped_recorded_and_told(cast: Cast, settings, data_dir: Path) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(SECRETS_STORE_PATH=str(data_dir / "secrets.json"), SECRETS_ENC_KEY="")
    trader_key_ensure()
    cast.bob.post(f"/api/ui/approvals/{rotate(cast)}/approve", {"token": APPROVE_TOKEN})
    assert sealed_secrets_apply() == 0
    row = SealedSecret.objects.get()
    assert (row.status, row.sealed) == ("dropped", "")
    record = AuditRecord.objects.get(action="secret_apply")
    assert (record.status, record.target) == ("failed", "okx_secret")
    assert OpsAlert.objects.filter(kind="secret_not_applied", severity="critical").count() == 1


def test_the_value_stands_nowhere_on_its_way(cast: Cast, data_dir: Path) -> None:
    trader_key_ensure()
    rotate(cast)
    seen = [cast.bob.get("/api/ui/approvals").content, cast.alice.get("/api/ui/secret").content]
    seen += [cast.otto.get("/api/ui/audit/export").content, str(list(SealedSecret.objects.values())).encode()]
    seen += [str(list(ApprovalRequest.objects.values())).encode()]
    assert all(VALUE.encode() not in text for text in seen)
    assert (data_dir / "trader" / "seal.key").stat().st_mode & 0o777 == 0o600


def test_without_the_traders_public_key_a_secret_is_not_even_taken(cast: Cast) -> None:
    answer = cast.alice.post("/api/ui/secret", {"value": VALUE})
    assert (answer.status_code, answer.json()["error"]) == (503, "trader_key_missing")
    assert not SealedSecret.objects.exists()


def test_secrets_status_tells_ages_and_never_a_value(cast: Cast) -> None:
    answer = cast.alice.get("/api/ui/secrets/status").json()
    assert answer["ages"]["binance_secret"] is None
    assert {"name": "alice", "role": "operator"} in answer["operators"]
    assert cast.otto.get("/api/ui/secrets/status").status_code == 403


def test_the_trail_is_for_auditors_and_operators(cast: Cast) -> None:
    statuses = {who.person.name: who.get("/api/ui/audit_log").status_code for who in cast}
    assert statuses == {"alice": 200, "bob": 200, "otto": 200, "vera": 403}
    answer = cast.otto.get("/api/ui/audit_log?action=person_create&limit=2").json()
    assert (answer["count"], answer["total"], answer["has_more"]) == (2, 4, True)
    assert {event["action"] for event in answer["events"]} == {"person_create"}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "since=yesterday", "since=2026-01-01T00:00:00"])
def test_a_parameter_that_cannot_be_read_is_400(cast: Cast, query: str) -> None:
    assert cast.otto.get(f"/api/ui/audit_log?{query}").status_code == 400


@pytest.mark.parametrize("query", ["user__password__startswith=a", "person__startswith=a", "hash=0"])
def test_only_the_named_filters_filter(cast: Cast, query: str) -> None:
    assert cast.otto.get(f"/api/ui/audit_log?{query}").json()["total"] == AuditRecord.objects.count()


def test_events_page_and_export(cast: Cast) -> None:
    from audit.services import alert

    for number in range(5):
        alert(kind="probe", severity="info", text=f"=cmd|' /C calc'!A{number}", extra={"n": number})
    page = cast.vera.get("/api/ui/events?kind=probe&limit=2&order=asc").json()
    assert [item["extra"]["n"] for item in page["items"]] == [0, 1]
    assert (page["total"], page["next_offset"], page["has_more"], page["order"]) == (5, 2, True, "asc")
    last = cast.vera.get("/api/ui/events?kind=probe&limit=2&offset=4").json()
    assert (last["has_more"], last["next_offset"]) == (False, None)
    csv = cast.vera.get("/api/ui/events/export?format=csv&kind=probe")
    assert csv["Content-Type"].startswith("text/csv")
    assert "'=cmd" in csv.content.decode()
    assert ",=cmd" not in csv.content.decode()
    assert cast.vera.get("/api/ui/events/export?kind=probe").json()["total"] == 5
    assert len(cast.vera.get("/api/ui/alerts?severity=info&kind=probe").json()["alerts"]) == 5
