"""What the log says of a request: who asked what, with which answer, in one line at its end.

``django_structlog`` binds the request's id and the user to every line in between; the line that it writes at the
beginning as well says nothing that the last one does not, and cost as much as the answer of a status request.
"""

import random
import uuid
from typing import TYPE_CHECKING

import structlog
from django_structlog.middlewares import RequestMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest

REQUEST_ID = "HTTP_X_REQUEST_ID"
LONGEST_ID = 128  # the caller's own word stands in every line of its request


class RequestLogMiddleware(RequestMiddleware):
    def prepare(self, request: "HttpRequest") -> None:
        """The peer's address: a proxy's header is resolved by the server process, not believed here."""
        # It names a request and guards nothing; the system's generator would give the interpreter away to get it.
        own = uuid.UUID(int=random.getrandbits(128), version=4)
        structlog.contextvars.bind_contextvars(
            request_id=(request.META.get(REQUEST_ID) or str(own))[:LONGEST_ID], ip=request.META.get("REMOTE_ADDR")
        )
        self.bind_user_id(request)
