"""A request through the real application takes one thread, whatever middlewares there are."""

import threading
from inspect import iscoroutinefunction
from typing import Any

import httpx
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings

from propbot.http.handler import OneHopHandler
from tests.console.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)
threads: list[int] = []


class NotingMiddleware:
    """Notes the thread on the way in; async-capable, as Django's own are."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        assert not iscoroutinefunction(get_response)
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        threads.append(threading.get_ident())
        answer: HttpResponse = self.get_response(request)
        threads.append(threading.get_ident())
        return answer


def test_the_chain_is_synchronous_and_stays_in_one_thread() -> None:
    threads.clear()
    noting = f"{__name__}.NotingMiddleware"
    with override_settings(MIDDLEWARE=[noting, "django.middleware.common.CommonMiddleware", noting]):
        handler = OneHopHandler()
    assert not iscoroutinefunction(handler._middleware_chain)
    with serving(handler) as url:
        assert httpx.get(f"{url}/livez").json() == {"ok": True}
    assert len(threads) == 4
    assert len(set(threads)) == 1
