"""The outermost door: a request that is too much is refused before anything keeps or reads it (RELIABILITY H26).

The server itself bounds neither headers nor bodies, and Django spools a body to disk before it looks at its length.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

MOST_HEADER_BYTES = 32 * 1024
MOST_BODY_BYTES = 1024 * 1024
TOO_LARGE, HEADERS_TOO_LARGE, BAD = 413, 431, 400


class BodyTooLongError(Exception):
    """More came than was allowed, whatever the request had said of its length."""


class Bounded:
    """An ASGI application behind the bounds; sockets pass, for they are bounded by their own frames."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        refused = _refusal(scope["headers"])
        if refused:
            await _answer(send, *refused)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Message, receive: Receive, send: Send) -> None:
        """A body without a length, or longer than it said, is cut off where it passes the bound."""
        came, began = 0, False

        async def counting() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MOST_BODY_BYTES:
                raise BodyTooLongError
            return message

        async def noting(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self.application(scope, counting, noting)
        except BodyTooLongError:
            if not began:
                await _answer(send, TOO_LARGE, f"the body is larger than {MOST_BODY_BYTES} bytes")


def _refusal(headers: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
    if sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        return HEADERS_TOO_LARGE, f"the headers are larger than {MOST_HEADER_BYTES} bytes"
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if len(lengths) > 1 or any(not value.isdigit() or len(value) > 12 for value in lengths):
        return BAD, "Content-Length is not a number"
    if lengths and int(lengths[0]) > MOST_BODY_BYTES:
        return TOO_LARGE, f"the body is larger than {MOST_BODY_BYTES} bytes"
    return None


async def _answer(send: Send, status: int, text: str) -> None:
    body = json.dumps({"detail": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # What was not read stays on the wire: it must not be taken for the next request.
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
