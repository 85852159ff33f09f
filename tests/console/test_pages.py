"""The pages: who sees what, under which policy, and that no text of a person becomes code."""

from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client, override_settings

from propbot.config import values
from propbot.console import cache
from propbot.console.views import guard
from risk.services.hold import hold_engage
from tests.access.people import Cast, Member
from tests.console.hedges import make_hedge, make_hedges
from trading.choices import HedgeStatus

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "<img src=x onerror=alert(1)>"


def page(member: Member, path: str = "/ui/dashboard") -> str:
    answer = member.session().get(path)
    assert answer.status_code == 200, answer.content[:300]
    return answer.content.decode()


def test_a_stranger_is_sent_to_the_login_and_back() -> None:
    answer = Client().get("/ui/dashboard")
    assert answer.status_code == 302
    assert answer["Location"] == "/ui/login?next=%2Fui%2Fdashboard"


def test_the_login_lets_a_person_in_and_a_wrong_password_not(cast: Cast) -> None:
    cast.alice.user.set_password("a-long-enough-password")
    cast.alice.user.save()
    client = Client()
    wrong = client.post("/ui/login", {"username": "alice", "password": "no"})
    assert wrong.status_code == 200
    assert "/ui/dashboard" not in wrong.get("Location", "")
    right = client.post("/ui/login", {"username": "alice", "password": "a-long-enough-password"})
    assert right["Location"] == "/ui/dashboard"
    assert client.get("/ui/dashboard").status_code == 200


def test_a_bearer_token_opens_the_dashboard_and_a_bad_one_does_not(cast: Cast) -> None:
    assert cast.vera.get("/ui/dashboard").status_code == 200
    assert Client(headers={"Authorization": "Bearer nonsense"}).get("/ui/dashboard").status_code == 401


def test_an_operator_has_controls(cast: Cast) -> None:
    text = page(cast.alice)
    assert 'action="/api/ui/dashboard-hold"' in text
    assert 'action="/api/ui/dashboard-kill"' in text
    assert "csrfmiddlewaretoken" in text


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_who_is_no_operator_has_no_control(cast: Cast, name: str) -> None:
    text = page(getattr(cast, name))
    assert "/api/ui/dashboard-" not in text
    assert "data-post" not in text


def test_the_auditor_is_told_why(cast: Cast) -> None:
    assert "auditor role: read only" in page(cast.otto)


def test_without_accounts_there_is_no_dashboard(cast: Cast) -> None:
    with override_settings(PROPBOT=values().replace(AUTH_ENABLED=False)):
        assert cast.alice.session().get("/ui/dashboard").status_code == 404


def test_the_policy_allows_no_inline_code_and_no_frames(cast: Cast) -> None:
    for path in ("/ui/dashboard", "/ui/hedges", "/ui/login"):
        answer = cast.alice.session().get(path)
        policy = answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src 'nonce-" in policy
        assert "style=" not in answer.content.decode()


def test_a_reason_is_text_and_never_markup(cast: Cast) -> None:
    with cast.alice.acting():
        hold_engage(reason=CANARY, source="alice")
    for path in ("/ui/dashboard", "/ui/dashboard/sections"):
        text = page(cast.vera, path)
        assert CANARY not in text
        assert "&lt;img src=x" in text


def test_a_partial_hedge_is_outstanding_risk_and_a_simulated_one_says_so(cast: Cast) -> None:
    make_hedge(status=HedgeStatus.PARTIAL)
    make_hedge(simulated=True)
    text = page(cast.vera)
    assert "OUTSTANDING RISK" in text
    assert "SIMULATED" in text


def test_the_dashboard_shows_a_screenful_and_leaves_out_no_partial_hedge(cast: Cast) -> None:
    partial = make_hedge(status=HedgeStatus.PARTIAL)
    newer = [str(hedge.id) for hedge in make_hedges(14)]
    text = page(cast.vera)
    assert f'data-hedge="{partial.id}"' in text
    assert sum(f'data-hedge="{one}"' in text for one in newer) == 12
    assert "15 not over, 13 of them here" in text


def test_a_leg_without_a_mark_says_so_and_shows_no_figure(cast: Cast) -> None:
    make_hedge()
    text = page(cast.vera)
    assert "no mark" in text
    assert "a mark is missing" in text


def test_the_hedge_page_tells_the_whole_life(cast: Cast) -> None:
    hedge = make_hedge(initiator=CANARY)
    text = page(cast.otto, f"/ui/hedges/{hedge.id}")
    for part in ("Quotes at the decision", "Expected edge and its parts", "What happened", "What the decision saw"):
        assert part in text
    assert "sequential" in text
    assert "not closed yet" in text
    assert CANARY not in text
    assert "BTCUSDT" in page(cast.otto, "/ui/hedges?status=open&symbol=btcusdt")


def test_a_closed_hedge_shows_what_its_result_was_made_of(cast: Cast) -> None:
    hedge = make_hedge(status=HedgeStatus.CLOSED, realized_pnl_usdt=Decimal("0.42"), close_reason="converged")
    text = page(cast.vera, f"/ui/hedges/{hedge.id}")
    assert "spread captured" in text
    assert "+0.4200" in text
    assert "realized less expected" in text


def test_the_hedges_are_paged_newest_first(cast: Cast) -> None:
    newest = [str(hedge.id) for hedge in reversed(make_hedges(5))]
    first = page(cast.vera, "/ui/hedges?limit=2")
    assert [one in first for one in newest] == [True, True, False, False, False]
    assert "1 to 2 of 5" in first
    assert "offset=2" in first
    last = page(cast.vera, "/ui/hedges?limit=2&offset=4&status=open")
    assert [one in last for one in newest] == [False, False, False, False, True]
    assert "offset=2" in last
    assert "status=open" in last
    assert "Older" not in last
    assert cast.vera.session().get("/ui/hedges?limit=9999").status_code == 400


def test_an_unknown_hedge_is_404(cast: Cast) -> None:
    path = "/ui/hedges/00000000-0000-0000-0000-000000000000"
    assert cast.vera.session().get(path).status_code == 404


def test_the_api_is_described_and_browsable(cast: Cast) -> None:
    described: Any = cast.vera.get("/api/schema").json()
    assert described["openapi"].startswith("3.")
    assert {"/api/ui/status/overview", "/api/ui/hold", "/api/arb/execute"} <= set(described["paths"])
    assert "swagger" in page(cast.vera, "/docs")
    assert Client().get("/api/schema").status_code == 401


def test_signing_out_ends_the_session(cast: Cast) -> None:
    client = cast.vera.session()
    client.get("/ui/dashboard")
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    assert client.post("/ui/logout", {"csrfmiddlewaretoken": token})["Location"] == "/ui/login"
    assert client.get("/ui/dashboard").status_code == 302


def test_without_a_database_the_page_says_what_still_works(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = cast.alice.session()

    def away(*_: Any) -> None:
        raise OperationalError("the connection is gone")

    monkeypatch.setattr(guard, "standing_of", away)
    answer = client.get("/ui/dashboard")
    assert answer.status_code == 503
    assert "manage.py panic" in answer.content.decode()


def test_without_redis_the_page_still_shows_the_desk(cast: Cast) -> None:
    make_hedge()
    with override_settings(REDIS_URL="redis://127.0.0.1:9/0"):
        cache.client.cache_clear()
        text = page(cast.vera)
    cache.client.cache_clear()
    assert "Two people are needed to resume" in text
    assert "does not answer; HOLD and panic work without it" in text
