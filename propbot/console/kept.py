"""Documents that a process keeps for its readers, each never older than so many seconds when it is answered.

One thread builds at a time; who comes meanwhile waits for that one. While people look, a keeper thread of the web
process builds each document anew before it is too old, so that nobody waits; before each of its questions it lets the
requests that are being answered go first, for a while. In memory, not in Redis: what a page says must not depend on a
layer that may be away. What may not be old at all, the desk's state, is never kept here.
"""

import sys
import time
from collections.abc import Callable
from threading import Event, Lock, Thread, local
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, InterfaceError, connection, connections

from propbot.config import values
from propbot.http.answering import REQUESTS, STOPS

Document = dict[str, Any]
# The keeper begins when this share of a document's time has passed: the build must fit into the rest.
RENEW_SHARE = 0.5
TICK_SECONDS = 0.05
# So long, in all, one build waits for requests. Two builds and their waiting fit into the time that RENEW_SHARE leaves.
GIVEN_SECONDS = 0.1
# After the last reader a document is kept fresh this long: a page fetches every five seconds.
WATCHED_SECONDS = 15.0
# A request gives the interpreter away at each of its questions to the database, and gets it back from a keeper that
# computes only after this long: at Python's own 5 ms one answer in ten would be forty ms late, and
# beside two hundred sockets a HOLD at p99 138 ms at 1 ms, 94 at 0.4.
SWITCH_SECONDS = 0.0004
NEVER = float("-inf")
log = structlog.get_logger(__name__)


class Kept:
    """One document. Its age counts from the beginning of its build, or of the document that it is ``built_on``."""

    def __init__(
        self, name: str, build: Callable[[], Document], *, seconds: float, built_on: "Kept | None" = None
    ) -> None:
        self.name = name
        self._build = build
        self._seconds = seconds
        self._built_on = built_on
        self._lock = Lock()
        self._kept: tuple[float, Document] | None = None
        self._asked_at = NEVER
        _documents.append(self)

    def read(self) -> Document:
        """The document; the caller's own copy at its first level. Raises what building it raises."""
        found = self.young()
        return dict(self._waited_for() if found is None else found)

    def young(self) -> Document | None:
        """The document itself while it is young, for who may not wait here until one is built."""
        self._asked_at = time.monotonic()
        _keep_beside()
        return self._young(self._seconds)

    def _waited_for(self) -> Document:
        with REQUESTS.aside():
            self._lock.acquire()
        try:
            found = self._young(self._seconds)
            return self._made() if found is None else found
        finally:
            self._lock.release()

    def watched(self) -> bool:
        return time.monotonic() - self._asked_at < WATCHED_SECONDS

    def renew(self) -> None:
        """Build it now if it is getting old; readers go on with the old one meanwhile."""
        soon = self._seconds * RENEW_SHARE
        if self._young(soon) is None:
            with self._lock:
                if self._young(soon) is None:
                    self._made()

    def forget(self) -> None:
        self._kept, self._asked_at = None, NEVER

    def _young(self, seconds: float) -> Document | None:
        kept = self._kept
        return kept[1] if kept is not None and time.monotonic() - kept[0] < seconds else None

    def _made(self) -> Document:
        begun_at = time.monotonic()
        if self._built_on is not None:
            self._built_on.renew()
            begun_at = min(begun_at, self._built_on.begun_at())
        document = self._build()
        self._kept = (begun_at, document)
        return document

    def begun_at(self) -> float:
        return NEVER if self._kept is None else self._kept[0]


_documents: list[Kept] = []
_keeping = Lock()
_keeper = local()


def breathe() -> None:
    """Between two steps of a build. In the keeper, requests go first for as long as this build may still wait, and
    who stops the desk in any case."""
    left = getattr(_keeper, "may_wait", None)
    if left is None:
        return
    STOPS.over_in_thread()
    if left > 0:
        _keeper.may_wait = left - REQUESTS.give_way(left)


def _politely(execute: Callable[..., Any], *asked: Any) -> Any:
    breathe()
    return execute(*asked)


def forget_all() -> None:
    """As a new process: for tests, where each has rows of its own."""
    for one in _documents:
        one.forget()


def _keep_beside() -> None:
    """Start the keeper if this process serves pages and none runs."""
    if values().text("PROCESS") == "web" and _keeping.acquire(blocking=False):
        sys.setswitchinterval(SWITCH_SECONDS)
        Thread(target=_keep, name="console-keeper", daemon=True).start()


def _keep() -> None:
    """Until nobody has looked for a while; the next reader starts it again."""
    try:
        with connection.execute_wrapper(_politely):
            while any(one.watched() for one in _documents):
                _renew_watched()
                Event().wait(TICK_SECONDS)
    finally:
        connections.close_all()
        _keeping.release()


def _renew_watched() -> None:
    for one in _documents:
        try:
            if one.watched():
                _keeper.may_wait = GIVEN_SECONDS
                one.renew()
        except (DatabaseError, InterfaceError, ObjectDoesNotExist, OSError, RuntimeError) as error:
            # The old document ends by itself; the reader that then builds one says what is wrong.
            log.info("not_renewed", document=one.name, cause=error.__class__.__name__)
            connections.close_all()
