"""A database connection that only stopping the desk uses (RELIABILITY D12).

Every other request may wait for a connection, or be told to come back. Who wants to stop the desk finds one that was
opened when the process began and that nobody else was ever given.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger(__name__)
STOPPING_PATHS = frozenset(
    {"/api/ui/hold", "/api/ui/stop", "/api/ui/kill", "/api/ui/dashboard-hold", "/api/ui/dashboard-kill"}
)
APPLICATION_NAME = "propbot-stop"
WAIT_SECONDS = 0.25
OPENING_SECONDS = 5.0


def unpooled_connection() -> BaseDatabaseWrapper:
    """A connection of its own beside the pool; any thread may use it, one at a time."""
    backend = connections[DEFAULT_DB_ALIAS].__class__
    table = connections.settings[DEFAULT_DB_ALIAS]
    options = {name: value for name, value in table["OPTIONS"].items() if name != "pool"}
    options["application_name"] = APPLICATION_NAME
    made = backend({**table, "CONN_MAX_AGE": None, "OPTIONS": options}, DEFAULT_DB_ALIAS)
    made.inc_thread_sharing()
    return made


class ReservedConnection:
    """Lent to one request at a time; who finds it lent out takes an ordinary one after a moment."""

    def __init__(self) -> None:
        self._connection = unpooled_connection()
        self._free = threading.Lock()

    def open(self) -> None:
        """Ask for it now, while the database still has one to give. Raises nothing: a later use asks again."""
        try:
            with self._free:
                self._connection.ensure_connection()
        except (DatabaseError, InterfaceError) as error:
            log.warning("reserved_connection_not_open", cause=error.__class__.__name__)

    @contextmanager
    def lent(self) -> Iterator[bool]:
        """Within the block, this thread's connection is the reserved one (True), or stays what it was (False)."""
        if not self._free.acquire(timeout=WAIT_SECONDS):
            yield False
            return
        try:
            if self._connection.connection is not None and not self._connection.is_usable():
                self._connection.close()
            with _instead_of_ours(self._connection):
                yield True
        finally:
            self._free.release()


@contextmanager
def _instead_of_ours(other: BaseDatabaseWrapper) -> Iterator[None]:
    ours = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = other
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = ours


class ReservedConnectionMiddleware:
    """Outermost, and synchronous on purpose: everything inside runs in the thread whose connection is exchanged."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if settings.PROPBOT.text("PROCESS") != "web":
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.reserved = ReservedConnection()
        # Uvicorn loads the application inside its event loop, where Django refuses to connect.
        opening = threading.Thread(target=self.reserved.open, name="reserved-connection", daemon=True)
        opening.start()
        opening.join(OPENING_SECONDS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path not in STOPPING_PATHS:
            return self.get_response(request)
        with self.reserved.lent():
            return self.get_response(request)
