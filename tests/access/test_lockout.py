"""Logins that fail too often, and the desk that asks nobody."""

import pytest
from django.test import Client

from approvals.api.open_desk import NAME
from audit.models import AuditRecord, OpsAlert
from tests.access.people import Cast

pytestmark = [pytest.mark.django_db]


def test_five_failed_logins_lock_the_name_out_and_tell(cast: Cast) -> None:
    browser = Client()
    statuses = [
        browser.post("/ui/login", {"username": "alice", "password": f"wrong-{n}"}).status_code for n in range(6)
    ]
    assert statuses[:4] == [200] * 4
    assert statuses[-1] == 429
    assert OpsAlert.objects.filter(kind="login_locked_out").exists()
    row = AuditRecord.objects.filter(action="login", status="denied").first()
    assert row is not None
    assert row.claimed == "alice"


def test_a_token_works_while_the_login_is_locked_out(cast: Cast) -> None:
    browser = Client()
    for number in range(6):
        browser.post("/ui/login", {"username": "alice", "password": f"wrong-{number}"})
    assert cast.alice.get("/api/ui/approvals").status_code == 200


@pytest.mark.urls("tests.access.probe_urls")
@pytest.mark.parametrize("profile", ["simulator", "testnet", "live"])
def test_a_desk_cannot_be_opened_in_another_profile(cast: Cast, settings, profile: str) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(AUTH_ENABLED=False, PROFILE=profile)
    assert Client().get("/probe").status_code == 401


@pytest.mark.urls("tests.access.probe_urls")
def test_an_open_paper_desk_acts_as_one_named_person(cast: Cast, settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(AUTH_ENABLED=False, PROFILE="paper")
    assert Client().get("/probe").json()["who"] == NAME
    assert cast.vera.get("/probe").json()["who"] == "vera"
    assert Client(headers={"Authorization": "Bearer " + "0" * 64}).get("/probe").status_code == 401


@pytest.mark.urls("tests.access.probe_urls")
def test_a_foreign_page_cannot_act_on_an_open_desk(cast: Cast, settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(AUTH_ENABLED=False, PROFILE="paper")
    foreign = Client(headers={"Origin": "https://evil.example"})
    assert foreign.post("/probe/stop", "{}", content_type="application/json").status_code == 401
    own = Client(headers={"Origin": "http://testserver"})
    assert own.post("/probe/stop", "{}", content_type="application/json").status_code == 200
