"""The lane of its own for status requests: the ordinary answer without a thread, and the ordinary way for the rest."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from knox.models import AuthToken
from prometheus_client import REGISTRY
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from approvals.api.authentication import digest_of
from approvals.models import Person, TokenNote
from approvals.services.people import role_set, token_revoke
from propbot.console import sights as sights_module
from propbot.console.kept import forget_all
from propbot.console.selectors import desk as desk_selectors
from propbot.console.selectors.status import STATUS
from propbot.console.sights import Sights
from propbot.console.status_lane import StatusLane
from propbot.http.bounds import Bounded
from propbot.http.handler import OneHopHandler
from propbot.http.lifespan import Lifespan
from propbot.loop_connection import LoopConnection
from risk.services.desk import resume_request
from risk.services.hold import hold_engage
from tests.access.people import Cast, Member
from tests.console.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)
PATHS = ("/api/ui/status/overview", "/api/ui/status/components", "/api/ui/status/slo")
PATH = PATHS[0]
SECONDS = 10
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


class Served:
    """The lane before the ordinary handler, with a note of what each was asked."""

    def __init__(self) -> None:
        self.ordinary: list[str] = []
        self._handler = OneHopHandler()
        sights = Sights()
        self.lane = StatusLane(self._noting, sights)
        self._lifespan = Lifespan(sights.close)
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        application = self._lifespan if scope["type"] == "lifespan" else Bounded(self.lane)
        await application(scope, receive, send)

    async def _noting(self, scope: Any, receive: Any, send: Any) -> None:
        self.ordinary.append(f"{scope['method']} {scope['path']}")
        await self._handler(scope, receive, send)

    def ask(self, who: Member | None, path: str = PATH, *, method: str = "GET", **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        token = {"Authorization": f"Bearer {who.token}"} if who else {}
        return httpx.request(method, f"{self.url}{path}", headers={**token, **given}, timeout=SECONDS)

    def ask_beside(self, who: Member | None, path: str = PATH, **headers: Any) -> tuple[httpx.Response, bool]:
        """The answer, and whether the ordinary handler gave it."""
        before = len(self.ordinary)
        answer = self.ask(who, path, **headers)
        return answer, len(self.ordinary) > before


@pytest.fixture(autouse=True)
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that others use too, more than a second passes between two lines of a test."""
    monkeypatch.setattr(STATUS, "_seconds", 60.0)


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    with serving(made) as made.url:
        yield made


@pytest.fixture
def warm(served: Served, cast: Cast) -> Served:
    """The ordinary handler has answered once for each person and path: the lane has learned its headers."""
    for path in PATHS:
        served.ask(cast.vera, path)
    for member in cast:
        assert served.ask(member).status_code == 200
    served.ordinary.clear()
    return served


@contextmanager
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for module in (desk_selectors, sights_module):
            patch.setattr(module, "utc_now", lambda: NOW)
        yield


def both_ways(served: Served, who: Member, path: str) -> tuple[httpx.Response, httpx.Response]:
    """The lane's answer and the ordinary one: a language is no oddity, a header that nobody knows is."""
    quick, slowly = served.ask_beside(who, path)
    assert not slowly
    ordinary, slowly = served.ask_beside(who, path, X_Odd="1")
    assert slowly
    return quick, ordinary


def headers_of(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


@pytest.mark.parametrize("path", PATHS)
def test_the_answer_is_the_ordinary_one_to_the_byte(
    warm: Served, cast: Cast, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    TokenNote.objects.update(last_used_at=NOW)
    with stopped_clock(monkeypatch):
        quick, ordinary = both_ways(warm, cast.vera, path)
        with cast.alice.acting():
            hold_engage(reason="a\u2028line — ünd more", source="test")
        held, ordinary_held = both_ways(warm, cast.vera, path)
    assert quick.content == ordinary.content
    assert held.content == ordinary_held.content
    assert held.content != quick.content
    assert headers_of(quick) == headers_of(ordinary)
    assert quick.headers["content-security-policy"]


def test_what_is_pending_is_in_the_answer_too(warm: Served, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with cast.alice.acting():
        hold_engage(reason="first", source="test")
        resume_request(reason="all is well")
    with stopped_clock(monkeypatch):
        TokenNote.objects.update(last_used_at=NOW)
        quick, ordinary = both_ways(warm, cast.vera, PATH)
    assert quick.content == ordinary.content
    assert quick.json()["resume_request"]["reason"] == "all is well"


def test_a_hold_of_another_process_is_in_the_very_next_answer(warm: Served, cast: Cast) -> None:
    before = warm.ask(cast.vera).json()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE risk_deskstate SET hold_active = true, hold_id = hold_id + 1, hold_reason = 'fire'")
    after, slowly = warm.ask_beside(cast.vera)
    assert not slowly
    assert after.json()["safety"]["hold_id"] == before["safety"]["hold_id"] + 1
    assert (after.json()["hold_reason"], after.json()["overall"]) == ("fire", "HOLD")


def revoke(who: Member) -> None:
    token_revoke(fingerprint=digest_of(who.token))


def expire(who: Member) -> None:
    AuthToken.objects.filter(digest=digest_of(who.token)).update(expiry=NOW)


def lock_out(who: Member) -> None:
    User.objects.filter(pk=who.user.pk).update(is_active=False)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (revoke, 401),
        (expire, 401),
        (lock_out, 401),
        (lambda who: role_set(person=who.person, role=None), 403),
        (lambda who: Person.objects.filter(pk=who.person.pk).update(active=False), 403),
    ],
)
def test_whoever_may_no_longer_look_is_refused_at_the_very_next_request(
    warm: Served, cast: Cast, end: Callable[[Member], None], status: int
) -> None:
    assert not warm.ask_beside(cast.vera)[1]
    with cast.alice.acting():
        end(cast.vera)
    refused, slowly = warm.ask_beside(cast.vera)
    assert (refused.status_code, slowly) == (status, True)
    assert not warm.ask_beside(cast.otto)[1]


def test_strangers_get_the_ordinary_refusal(warm: Served, cast: Cast) -> None:
    for authorization in (
        "Bearer " + "0" * 64,
        "Bearer zz",
        "Bearer",
        "Bearer a b",
        "Basic eA==",
        "Bearer " + "a" * 600,
    ):
        refused, slowly = warm.ask_beside(None, Authorization=authorization)
        assert (refused.status_code, slowly) == (401, True), authorization
    assert warm.ask(None).status_code == 401


@pytest.mark.parametrize(
    "odd",
    [
        {"Host": "evil.example"},
        {"Cookie": "sessionid=x"},
        {"Accept": "text/html"},
        {"If-None-Match": "x"},
        {"HX-Request": "true"},
        {"X-Requested-With": "XMLHttpRequest"},
        {"Content-Length": "0"},
    ],
)
def test_a_request_with_anything_odd_goes_the_ordinary_way(warm: Served, cast: Cast, odd: dict[str, str]) -> None:
    answer, slowly = warm.ask_beside(cast.vera, **odd)
    assert slowly
    assert answer.status_code == (400 if "Host" in odd else 200)


def test_other_methods_paths_and_queries_go_the_ordinary_way(warm: Served, cast: Cast) -> None:
    for method, path, status in (
        ("HEAD", PATH, 200),
        ("POST", PATH, 403),
        ("OPTIONS", PATH, 200),
        ("GET", f"{PATH}?format=json", 200),
        ("GET", f"{PATH}/", 404),
        ("GET", "/api/ui/state", 200),
    ):
        answer, slowly = warm.ask_beside(cast.vera, path, method=method)
        assert (answer.status_code, slowly) == (status, True), (method, path)


def test_a_host_that_the_ordinary_handler_never_allowed_is_never_learned(warm: Served, cast: Cast) -> None:
    for _ in range(3):
        assert warm.ask_beside(cast.vera, Host="evil.example")[1]


def test_a_use_that_was_not_noted_lately_is_noted(warm: Served, cast: Cast) -> None:
    TokenNote.objects.update(last_used_at=NOW)
    assert warm.ask_beside(cast.vera)[1]
    assert TokenNote.objects.get(digest=digest_of(cast.vera.token)).last_used_at > NOW
    assert not warm.ask_beside(cast.vera)[1]


def test_an_old_snapshot_is_built_once_for_all_who_wait(
    warm: Served, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []
    build = STATUS._build

    def counting() -> dict[str, Any]:
        built.append(1)
        return build()

    monkeypatch.setattr(STATUS, "_build", counting)
    forget_all()
    answers = at_once(warm, cast.vera, 40)
    assert {answer.status_code for answer in answers} == {200}
    assert len(built) == 1
    assert len(warm.ordinary) == 1


def at_once(served: Served, who: Member, count: int) -> list[httpx.Response]:
    async def ask_all() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {who.token}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=SECONDS) as client:
            return await asyncio.gather(*(client.get(PATH) for _ in range(count)))

    return asyncio.run(ask_all())


def test_two_hundred_at_once_share_looks_and_are_all_answered(
    warm: Served, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    sight = Sights._seen

    async def counting(sights: Sights, digests: Any) -> Any:
        seen.append(1)
        return await sight(sights, digests)

    monkeypatch.setattr(Sights, "_seen", counting)
    answers = at_once(warm, cast.vera, 200)
    assert [answer.status_code for answer in answers] == [200] * 200
    assert warm.ordinary == []
    assert 0 < len(seen) < 200


def test_without_the_database_the_ordinary_answer_is_given_and_the_lane_comes_back(
    warm: Served, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sights_module, "REST_SECONDS", 0.0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'propbot-status'"
        )
        assert cursor.rowcount == 1
    answer, slowly = warm.ask_beside(cast.vera)
    assert (answer.status_code, slowly) == (200, True)
    assert not warm.ask_beside(cast.vera)[1]


def test_a_database_that_does_not_answer_is_left_alone_for_a_while(
    warm: Served, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sights_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(sights_module, "REST_SECONDS", 60.0)
    asked: list[str] = []
    rows = LoopConnection.rows

    async def frozen(own: LoopConnection, name: str, *parameters: Any) -> Any:
        asked.append(name)
        await rows(own, name, *parameters)
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(LoopConnection, "rows", frozen)
    for _ in range(3):
        answer, slowly = warm.ask_beside(cast.vera)
        assert (answer.status_code, slowly) == (200, True)
    assert asked == ["sight"]


def counts() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        if family.name.startswith("django_http_")
        for sample in family.samples
        if sample.name.endswith(("_total", "_count")) or "body" in sample.name
    }


def counted(ask: Callable[[], Any]) -> dict[Any, float]:
    before = counts()
    ask()
    return {key: value - before.get(key, 0) for key, value in counts().items() if value != before.get(key, 0)}


def test_it_is_counted_and_logged_as_an_ordinary_answer_is(
    warm: Served, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    TokenNote.objects.update(last_used_at=NOW)
    lines: list[Any]
    with stopped_clock(monkeypatch), capture_logs(processors=[merge_contextvars]) as lines:
        quick = counted(lambda: warm.ask(cast.vera, X_Request_Id="desk-7"))
        assert warm.ordinary == []
        ordinary = counted(lambda: warm.ask(cast.vera, X_Request_Id="desk-7", X_Odd="1"))
    assert quick == ordinary != {}
    said = [line for line in lines if line["event"] == "request_finished"]
    assert said[0] == said[1]
    assert (said[0]["request_id"], said[0]["request"], said[0]["user_id"]) == (
        "desk-7",
        f"GET {PATH}",
        cast.vera.user.pk,
    )


def test_whoever_goes_away_leaves_nothing_behind(warm: Served, cast: Cast) -> None:
    host, port = warm.url.removeprefix("http://").split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port)), timeout=SECONDS) as gone:
            lines = f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {cast.vera.token}\r\n\r\n"
            gone.sendall(lines.encode())
    assert warm.ask(cast.vera).status_code == 200
    assert warm.lane._waiting == 0


def test_its_connection_is_one_and_ends_with_the_server(cast: Cast) -> None:
    open_now = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'propbot-status'"
    made = Served()
    with serving(made) as made.url:
        made.ask(cast.vera)
        at_once(made, cast.vera, 50)
        with connection.cursor() as cursor:
            cursor.execute(open_now)
            assert cursor.fetchone() == (1,)
    with connection.cursor() as cursor:
        wait_until(lambda: cursor.execute(open_now) or cursor.fetchone() == (0,))


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(SECONDS * 20):
        if true():
            return
        Event().wait(0.05)
    raise AssertionError("it did not become true")
