"""A request through the real application takes one thread, whatever middlewares there are, and a stop waits for none."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from inspect import iscoroutinefunction
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.core.signals import request_finished, request_started
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.test import override_settings
from structlog.testing import capture_logs

from propbot.http import handler as handlers
from propbot.http.answering import Stopping
from propbot.http.handler import OneHopHandler
from tests.console.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 10
threads: list[tuple[int, str]] = []


class NotingMiddleware:
    """Notes the thread on the way in; async-capable, as Django's own are."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        assert not iscoroutinefunction(get_response)
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        threads.append(_here())
        answer: HttpResponse = self.get_response(request)
        threads.append(_here())
        return answer


def _here() -> tuple[int, str]:
    return threading.get_ident(), threading.current_thread().name


class Slow:
    """Holds back every request of a path until it is told to go on."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Semaphore(0), threading.Event()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("X-Slow"):
            self.entered.release()
            assert self.go_on.wait(SECONDS)
        return HttpResponse(threading.current_thread().name)


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.go_on.set()


def answering(answer: Callable[[HttpRequest], HttpResponseBase]) -> OneHopHandler:
    handler = OneHopHandler()
    vars(handler)["_middleware_chain"] = answer
    return handler


def ask(url: str, path: str, *, method: str = "GET", slow: bool = False) -> httpx.Response:
    return httpx.request(method, f"{url}{path}", headers={"X-Slow": "1"} if slow else {}, timeout=SECONDS)


def test_the_chain_is_synchronous_and_stays_in_one_thread() -> None:
    threads.clear()
    noting = f"{__name__}.NotingMiddleware"
    with override_settings(MIDDLEWARE=[noting, "django.middleware.common.CommonMiddleware", noting]):
        handler = OneHopHandler()
    assert not iscoroutinefunction(vars(handler)["_middleware_chain"])
    with serving(handler) as url:
        assert httpx.get(f"{url}/livez").json() == {"ok": True}
    assert len(threads) == 4
    assert len(set(threads)) == 1


def test_a_thread_answers_more_than_one_request_and_signals_in_it() -> None:
    seen: list[tuple[int, str]] = []

    def note(**_: Any) -> None:
        seen.append(_here())

    request_started.connect(note)
    request_finished.connect(note)
    try:
        with serving(answering(lambda _: HttpResponse(threading.current_thread().name))) as url:
            assert {ask(url, "/livez").text for _ in range(3)} == {seen[0][1]}
    finally:
        request_started.disconnect(note)
        request_finished.disconnect(note)
    assert len(seen) == 6
    assert len(set(seen)) == 1


def test_neither_a_stop_nor_a_probe_waits_for_readers(slow: Slow) -> None:
    with serving(answering(slow)) as url, ThreadPoolExecutor() as callers:
        reading = [
            callers.submit(ask, url, "/api/ui/status/overview", slow=True) for _ in range(handlers.POLLED_THREADS + 1)
        ]
        for _ in range(handlers.POLLED_THREADS):
            assert slow.entered.acquire(timeout=SECONDS)
        assert ask(url, "/api/ui/hold", method="POST").text.startswith("request-stop")
        assert ask(url, "/livez").text.startswith("request_")
        slow.go_on.set()
        assert {one.result().text[:12] for one in reading} == {"request-poll"}


def test_what_piles_up_behind_readers_is_refused_at_once(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "MOST_WAITING", handlers.POLLED_THREADS)
    with serving(answering(slow)) as url, ThreadPoolExecutor() as callers:
        reading = [callers.submit(ask, url, "/api/ui/state", slow=True) for _ in range(handlers.POLLED_THREADS)]
        for _ in range(handlers.POLLED_THREADS):
            assert slow.entered.acquire(timeout=SECONDS)
        with capture_logs() as lines:
            refused, _ = (ask(url, "/api/ui/state") for _ in range(2))
        slow.go_on.set()
        assert {one.result().status_code for one in reading} == {200}
    assert [line["event"] for line in lines if "refused" in line["event"]] == ["status_requests_refused"]
    assert (refused.status_code, refused.json()["error"], refused.headers["Retry-After"]) == (503, "busy", "1")


def test_who_reads_waits_while_a_stop_is_answered_but_not_for_ever(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stopping, "patience_seconds", SECONDS)
    with serving(answering(slow)) as url, ThreadPoolExecutor() as callers:
        stop: Future[httpx.Response] = callers.submit(ask, url, "/api/ui/hold", method="POST", slow=True)
        assert slow.entered.acquire(timeout=SECONDS)
        reading = callers.submit(ask, url, "/livez", slow=True)
        assert not slow.entered.acquire(timeout=0.2)
        slow.go_on.set()
        assert stop.result().status_code == reading.result().status_code == 200
        assert slow.entered.acquire(timeout=SECONDS)
        slow.go_on.clear()
        monkeypatch.setattr(Stopping, "patience_seconds", 0.01)
        stop = callers.submit(ask, url, "/api/ui/hold", method="POST", slow=True)
        assert slow.entered.acquire(timeout=SECONDS)
        assert ask(url, "/livez").status_code == 200
        slow.go_on.set()
        assert stop.result().status_code == 200


def test_nobody_waits_where_nobody_stops() -> None:
    async def wait() -> None:
        async with asyncio.timeout(SECONDS):
            await Stopping().over()

    asyncio.run(wait())


def test_a_file_is_read_and_closed_in_the_thread_of_its_request() -> None:
    ended: list[str] = []

    class File(BytesIO):
        def close(self) -> None:
            ended.append(_here()[1])
            super().close()

    with serving(answering(lambda _: FileResponse(File(b"x" * 70_000)))) as url:
        assert ask(url, "/static/desk.css").content == b"x" * 70_000
    assert [name[:8] for name in ended] == ["request_"]
