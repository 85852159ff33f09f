"""A web process of its own, to which raw bytes can be said."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import pytest
from django.conf import settings
from django.db import connection

from propbot.supervisor.plan import HOST

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


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
