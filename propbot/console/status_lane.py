"""A lane of its own for what is polled a hundred times a second: answered on the server's loop, without a thread.

It answers only what is plain in every respect: a GET of a status path, with a live bearer token whose use is noted, a
role that may read, a young snapshot and a database that answers. Everything else goes unchanged to the ordinary
handler, which alone knows how to refuse. Token, role and desk are read for each answer; nothing of them is remembered.
"""

import asyncio
import time
from dataclasses import dataclass
from io import BytesIO

import structlog
from django.core.handlers.asgi import ASGIRequest
from django.urls import resolve

from approvals.api.authentication import digest_of, use_is_noted
from approvals.roles import role_of
from propbot.console.api.status import ComponentsView, OverviewView, SloView
from propbot.console.selectors.overview import components_of, overview_of, slo_of
from propbot.console.selectors.status import STATUS, status_of
from propbot.console.sights import Sight, Sights
from propbot.http.answering import STOPS
from propbot.http.bounds import Application, Message, Receive, Send
from propbot.http.counted import CountedAnswers
from propbot.http.handler import MOST_WAITING
from propbot.http.renderers import DeskJSONRenderer
from propbot.http.request_log import log_answer, request_name

log = structlog.get_logger(__name__)
VIEWS = {
    "/api/ui/status/overview": (OverviewView, overview_of),
    "/api/ui/status/components": (ComponentsView, components_of),
    "/api/ui/status/slo": (SloView, slo_of),
}
# Headers that programs send and that change nothing in the answer, and those below that say where it was asked.
PLAIN = frozenset(
    {
        b"accept", b"accept-encoding", b"accept-language", b"authorization", b"cache-control", b"connection", b"pragma",
        b"user-agent", b"x-forwarded-for", b"x-real-ip", b"x-request-id",
    }
)  # fmt: skip
WHERE = (b"host", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")
ACCEPTED = frozenset({b"", b"*/*", b"application/json", b"application/json, */*", b"application/json, text/plain, */*"})
MOST_WAYS = 64
# So long a request waits for another one's build of the snapshot before it goes the ordinary way.
BUILD_SECONDS = 2.0
Headers = list[tuple[bytes, bytes]]
Way = tuple[str | bytes, ...]


@dataclass(frozen=True)
class Asked:
    """A request that has nothing odd, and the way it came: path, scheme, host and what proxies say of them."""

    path: str
    way: Way
    digest: str
    request_id: str
    ip: str | None


@dataclass(frozen=True)
class Learned:
    """How the ordinary handler answered the same way: what does not stand in the body."""

    headers: Headers
    counted: CountedAnswers


class StatusLane:
    """An ASGI application before the ordinary one."""

    def __init__(self, ordinary: Application, sights: Sights) -> None:
        self._ordinary = ordinary
        self._sights = sights
        # That a host is allowed, and what stands in the headers, is the ordinary handler's word.
        self._learned: dict[Way, Learned] = {}
        self._building: asyncio.Future[None] | None = None
        self._waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        asked = asked_of(scope)
        if asked is None:
            await self._ordinary(scope, receive, send)
        elif self._waiting >= MOST_WAITING or not await self._answered(asked, send):
            await self._hand_over(asked, scope, receive, send)

    async def _answered(self, asked: Asked, send: Send) -> bool:
        self._waiting += 1
        try:
            began = time.perf_counter()
            found = await self._found(asked)
        except Exception:
            # A fault of ours: the ordinary handler meets it too, and knows how to answer it.
            log.exception("status_lane_failed", path=asked.path)
            return False
        finally:
            self._waiting -= 1
        if found is None:
            return False
        learned, user_id, body = found
        learned.counted.count(answered_bytes=len(body), seconds=time.perf_counter() - began)
        log_answer(f"GET {asked.path}", code=200, request_id=asked.request_id, ip=asked.ip, user_id=user_id)
        headers = [*learned.headers, (b"Content-Length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True

    async def _found(self, asked: Asked) -> tuple[Learned, int, bytes] | None:
        learned = self._learned.get(asked.way)
        if learned is None:
            return None
        await STOPS.over()
        if not await self._snapshot_is_young():
            return None
        # Not counted among the requests that the keeper lets go first: this one mostly waits for the database, and a
        # keeper that waits for it is late with the snapshot which the next ones need.
        sight = await self._sights.sight(asked.digest)
        user_id = sight and reader_of(sight, asked)
        body = sight and user_id and body_of(sight, asked.path)
        return (learned, user_id, body) if user_id and body else None

    async def _snapshot_is_young(self) -> bool:
        """Who finds it old goes and builds it, in the ordinary way; who comes meanwhile waits for that one."""
        until = time.monotonic() + BUILD_SECONDS
        while STATUS.young() is None:
            left = until - time.monotonic()
            if self._building is None or left <= 0:
                return False
            await asyncio.wait([self._building], timeout=left)
        return True

    async def _hand_over(self, asked: Asked, scope: Message, receive: Receive, send: Send) -> None:
        learning = self._learning(asked, scope, send)
        if self._building is not None or STATUS.young() is not None:
            await self._ordinary(scope, receive, learning)
            return
        self._building = asyncio.get_running_loop().create_future()
        try:
            await self._ordinary(scope, receive, learning)
        finally:
            self._building.set_result(None)
            self._building = None

    def _learning(self, asked: Asked, scope: Message, send: Send) -> Send:
        async def learning(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self._learn(asked, scope, message["headers"])
            await send(message)

        return send if asked.way in self._learned else learning

    def _learn(self, asked: Asked, scope: Message, headers: Headers) -> None:
        kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        if any(name.lower() == b"set-cookie" for name, _ in kept):
            return  # it speaks to one caller
        if len(self._learned) >= MOST_WAYS:
            self._learned.clear()
        view = resolve(asked.path).view_name
        transport = "https" if ASGIRequest(scope, BytesIO()).is_secure() else "http"
        self._learned[asked.way] = Learned(
            kept, CountedAnswers(view, transport=transport, charset="utf-8", template="None")
        )


def asked_of(scope: Message) -> Asked | None:
    """None for whatever is not plain: the ordinary handler says what becomes of it."""
    path: str = scope["path"]
    if path not in VIEWS or scope["method"] != "GET" or scope["query_string"] or scope.get("root_path"):
        return None
    headers = dict(scope["headers"])
    known = len(headers) == len(scope["headers"]) and headers.keys() - PLAIN <= set(WHERE)
    if not known or headers.get(b"accept", b"") not in ACCEPTED:
        return None
    digest = _digest(headers.get(b"authorization", b""))
    if not digest:
        return None
    way = (path, scope["scheme"], *(headers.get(name, b"") for name in WHERE))
    request_id = request_name(headers.get(b"x-request-id", b"").decode("latin1"))
    client = scope.get("client")
    return Asked(path, way, digest, request_id, client[0] if client else None)


def _digest(authorization: bytes) -> str:
    words = authorization.split()
    if len(words) != 2 or words[0].lower() != b"bearer":
        return ""
    try:
        return digest_of(words[1].decode("ascii"))
    except ValueError:  # no text, or no token's text
        return ""


def reader_of(sight: Sight, asked: Asked) -> int | None:
    """The caller's user, if this one may read and was noted; by the rules of the view that is asked."""
    token = sight.callers.get(asked.digest)
    if token is None or not use_is_noted(token):
        return None
    view, _ = VIEWS[asked.path]
    return int(token.user.pk) if role_of(token.user) in view.allowed_roles("GET") else None


def body_of(sight: Sight, path: str) -> bytes | None:
    """Cut once for all who share the sight; None when the snapshot grew too old meanwhile."""
    kept = STATUS.young()
    if kept is not None and path not in sight.answers:
        _, cut = VIEWS[path]
        sight.answers[path] = DeskJSONRenderer().render(cut(status_of(kept, sight.desk)))
    return sight.answers.get(path) if kept is not None else None
