"""The ASGI handler of a product whose views are plain functions: one thread hop per request, in a thread that stays.

Django's own makes a thread for each request and one more to end it, and hands over for its signals, its middlewares and
the closing of the answer: at a hundred requests a second that was more work than the answers themselves. Nothing here
awaits, so all of it happens in one call, in order, as a WSGI server does it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

import structlog
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponseBase, JsonResponse
from django.urls import set_script_prefix

from propbot.http.answering import REQUESTS, STOPS
from propbot.http.exceptions import error_body
from propbot.http.reserved import STOPPING_PATHS

# One thread of a process computes at a time: with a hundred that want to, each hand-over costs more than the work, and a
# backlog that has once formed never clears. Measured at a hundred status requests a second beside two hundred sockets:
# with 96 threads p99 was 0.4 s or, after a stall, 2 s without end; with six 0.33 s, with two 0.07 to 0.49 s (decision 42).
POLLED_THREADS = 2
# What programs and open pages ask again and again, and the database answers at once.
POLLED = ("/api/ui/status/", "/api/ui/state", "/api/ui/control-state")
# More than the database has connections for (D12): who waits for a fill holds a thread, and nobody else may wait for it.
THREADS = 96
STOPPING_THREADS = 32
# What piles up beyond this, behind a database that hangs, is refused: nobody waits so long for its answer.
MOST_WAITING = 200
BUSY = "too many status requests wait for an answer"
log = structlog.get_logger(__name__)
Answer = Callable[[], HttpResponseBase]


class OneHopHandler(ASGIHandler):
    """What stops the desk has threads of its own: however many requests wait, a HOLD waits for none of them."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._polled = ThreadPoolExecutor(POLLED_THREADS, thread_name_prefix="request-poll")
        self._stopping = ThreadPoolExecutor(STOPPING_THREADS, thread_name_prefix="request-stop")
        self._waiting = 0
        self._refusing = False  # told once, until the backlog is gone

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with REQUESTS.one():
            await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Whoever goes away before the answer changes nothing: what was begun is done to its end."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            await self.send_response(await self._answered(scope, partial(self._answer, scope, body)), send)
        finally:
            body.close()

    async def _answered(self, scope: Any, answer: Answer) -> HttpResponseBase:
        method, path = scope["method"], scope["path"]
        if method == "POST" and path in STOPPING_PATHS:
            with STOPS.one():
                return await _in_thread(self._stopping, answer)
        if method == "GET":
            await STOPS.over()
        return await (self._polled_answer(answer) if path.startswith(POLLED) else _in_thread(self._threads, answer))

    async def _polled_answer(self, answer: Answer) -> HttpResponseBase:
        if self._waiting >= MOST_WAITING:
            if not self._refusing:
                self._refusing = True
                log.warning("status_requests_refused", waiting=self._waiting)
            return JsonResponse(error_body("busy", BUSY), status=503, headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            return await _in_thread(self._polled, answer)
        finally:
            self._waiting -= 1
            self._refusing = self._refusing and self._waiting > 0

    def _answer(self, scope: Any, body: Any) -> HttpResponseBase:
        """From the request's first signal to its last."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        response: Any = refused if request is None else self.get_response(request)
        response._handler_class = self.__class__  # as Django's own sets it
        if response.streaming and not response.is_async:
            # Django, too, would read a whole file before its first byte leaves, in one more thread.
            response.streaming_content = _parts(list(response.streaming_content))
        response.close()
        answer: HttpResponseBase = response
        return answer


async def _parts(found: list[bytes]) -> AsyncIterator[bytes]:
    for part in found:
        yield part


async def _in_thread(executor: Executor, work: Answer) -> HttpResponseBase:
    """With the caller's context, as ``asyncio.to_thread``."""
    return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, work)
