"""A server that answers whatever it is told to, or accepts and says nothing."""

import asyncio
import contextlib
import gzip

HTML = b"<html><body>maintenance</body></html>"
BOMB = gzip.compress(b'{"a":"' + b"x" * 50_000_000 + b'"}')


class BadServer:
    """One raw answer for every request; ``answer`` None: accept and never answer."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.requests = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def says(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.answer = "\r\n".join([*head, "", ""]).encode() + body

    def says_raw(self, answer: bytes) -> None:
        self.answer = answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            if self.answer is None:
                await asyncio.Event().wait()
            writer.write(self.answer or b"")
            await writer.drain()
