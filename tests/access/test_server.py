"""The web process itself against what is too much or too slow (RELIABILITY H26): it refuses, stays small and answers on."""

import asyncio
import zlib
from contextlib import ExitStack
from typing import Any

import pytest

from propbot.http.bounds import MOST_BODY_BYTES, MOST_HEADER_BYTES, Bounded
from propbot.supervisor.plan import HOST
from tests.access.web import Server

HALF_OPEN = 100
MOST_MB = 120


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /api/ui/hold HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", *headers]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])).encode() + body


@pytest.mark.timeout(180)
def test_the_web_process_stays_small_and_answers_on(server: Server) -> None:
    server.get("/healthz")  # what is loaded with the first request is not what an attack has cost
    before = server.megabytes()
    header = f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\nX-Long: {'a' * 1_000_000}\r\n\r\n".encode()
    assert server.says(header)[9:12] in (b"", b"400", b"431")
    bomb = zlib.compress(b"0" * 50_000_000)
    assert server.says(post(bomb, "Content-Encoding: deflate"))[9:12] in (b"400", b"401", b"413")
    assert server.says(post(b"[" * 5_000_000))[9:12] in (b"", b"413")
    with ExitStack() as stack:
        for _ in range(HALF_OPEN):
            wire = stack.enter_context(server.opened())
            wire.sendall(b"POST /api/ui/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert server.get("/livez").status_code == 200
        assert server.get("/api/ui/positions").status_code == 401
    assert server.megabytes() - before < MOST_MB


# --- the bounds by themselves -----------------------------------------------------------------


async def asked(headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> tuple[int, int]:
    """The status, and how many bytes the application behind the bounds was given."""
    given, told = 0, []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        told.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal given
        more = True
        while more:
            message = await receive()
            given += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    await Bounded(application)({"type": "http", "headers": headers}, receive, send)
    return told[0]["status"], given


KILO = b"x" * 1024


@pytest.mark.parametrize(
    ("headers", "chunks", "status"),
    [
        ([], [KILO], 200),
        ([(b"x", b"a" * MOST_HEADER_BYTES)], [], 431),
        ([(b"content-length", b"1048577")], [], 413),
        ([(b"content-length", b"1048576")], [KILO] * 1024, 200),
        ([], [KILO] * 1025, 413),
        ([(b"content-length", b"10")], [KILO] * 5000, 413),
        ([(b"content-length", b"-1")], [], 400),
        ([(b"content-length", b"\xb2")], [], 400),
        ([(b"content-length", b"1"), (b"content-length", b"2")], [], 400),
    ],
)
def test_a_request_beyond_the_bounds_is_not_read(
    headers: list[tuple[bytes, bytes]], chunks: list[bytes], status: int
) -> None:
    answered, given = asyncio.run(asked(headers, chunks))
    assert answered == status
    assert given <= MOST_BODY_BYTES
