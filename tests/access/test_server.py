"""The web process itself against what is too much or too slow (RELIABILITY H26): it refuses, stays small and answers on."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection

from propbot.http.bounds import MOST_BODY_BYTES, MOST_HEADER_BYTES, Bounded
from propbot.supervisor.plan import HOST

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
HALF_OPEN = 100
MOST_MB = 120


@dataclass
class Server:
    port: int
    pid: int

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://{HOST}:{self.port}{path}", timeout=30)

    def opened(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=30)

    def says(self, sent: bytes) -> bytes:
        """The answer to raw bytes; empty when the server closes without one."""
        with self.opened() as wire:
            try:
                wire.sendall(sent)
                return wire.recv(65536)
            except (ConnectionError, BrokenPipeError):
                return b""

    def megabytes(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def server(transactional_db: None) -> Iterator[Server]:
    base = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/propbot").rpartition("/")[0]
    environment = {
        **os.environ,
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "DATA_DIR": str(settings.DATA_DIR),
        "PROCESS": "web",
        "ALLOWED_HOSTS": HOST,
    }
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "propbot.asgi:application", "--host", HOST, "--port", str(port)]
    process = subprocess.Popen([*command, "--log-level", "warning"], env=environment, cwd=ROOT)
    try:
        given = Server(port, process.pid)
        until = time.monotonic() + START_SECONDS
        while not answers(given):
            assert process.poll() is None, "the web process ended"
            assert time.monotonic() < until, "the web process did not answer"
            Event().wait(0.1)
        yield given
    finally:
        process.kill()
        process.wait()


def answers(server: Server) -> bool:
    try:
        return server.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


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
