"""What the log says of a request: who asked what, with which answer, in one line at its end.

``django_structlog`` binds the request's id and the user to every line in between; the line that it writes at the
beginning as well says nothing that the last one does not, and cost as much as the answer of a status request.
"""

import random
import uuid
from typing import TYPE_CHECKING

import structlog
from django_structlog.app_settings import app_settings
from django_structlog.middlewares import RequestMiddleware
from django_structlog.middlewares.request import logger

if TYPE_CHECKING:
    from django.http import HttpRequest

REQUEST_ID = "HTTP_X_REQUEST_ID"
LONGEST_ID = 128  # the caller's own word stands in every line of its request


class RequestLogMiddleware(RequestMiddleware):
    def prepare(self, request: "HttpRequest") -> None:
        """The peer's address: a proxy's header is resolved by the server process, not believed here."""
        named, ip = request.META.get(REQUEST_ID), request.META.get("REMOTE_ADDR")
        structlog.contextvars.bind_contextvars(request_id=request_name(named), ip=ip)
        self.bind_user_id(request)


def request_name(given: str | None) -> str:
    """The caller's own name of a request, or a new one."""
    # It names a request and guards nothing; the system's generator would give the interpreter away to get it.
    return given[:LONGEST_ID] if given else str(uuid.UUID(int=random.getrandbits(128), version=4))


def log_answer(request: str, *, code: int, request_id: str, ip: str | None, user_id: int) -> None:
    """The same line for what was answered without passing the middlewares."""
    level = app_settings.STATUS_2XX_LOG_LEVEL
    logger.log(level, "request_finished", code=code, request=request, request_id=request_id, user_id=user_id, ip=ip)
