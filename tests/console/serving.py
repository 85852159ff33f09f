"""The real ASGI application on a real port, in a thread of the test: HTTP and WebSocket, with the test's own rows."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
import uvicorn
from django.db import connections

from propbot.asgi import application
from propbot.console import consumers

START_SECONDS = 20


class Serving(uvicorn.Server):
    """Its own loop, which gives back what the publisher and the request threads held."""

    async def serve(self, sockets: object = None) -> None:
        await super().serve()
        publishing = consumers.hub._task
        consumers.hub._clients.clear()
        if publishing is not None:
            await asyncio.wait_for(publishing, START_SECONDS)
        consumers.hub._task = None

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@contextmanager
def serving(served: Any = application) -> Iterator[str]:
    """The base URL. Connections end with their requests: the threads that make them do not outlive those."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
        server = Serving(
            uvicorn.Config(
                served, host="127.0.0.1", port=0, lifespan="auto", log_level="warning", ws="websockets-sansio"
            )
        )
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        for _ in range(START_SECONDS * 20):
            if server.started or not thread.is_alive():
                break
            Event().wait(0.05)
        assert server.started, "the server did not start"
        try:
            yield server.url
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
