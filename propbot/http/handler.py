"""The ASGI handler of a product whose views are plain functions: one thread hop per request, not one per middleware.

Django runs each middleware's hooks of an asynchronous chain in a thread of their own accord: some twenty hand-overs
between loop and thread for one answer. Nothing here awaits, so the whole chain is synchronous and takes one.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponseBase

from propbot.http.answering import REQUESTS


class OneHopHandler(ASGIHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with REQUESTS.one():
            await super().__call__(scope, receive, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        answer: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        return answer
