"""WebSocket connections of one venue, and what stream faults do to their frames."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, web

from trading.simulator.exchange import Event, Exchange
from trading.simulator.faults import FaultBoard

BACKLOG = 20_000  # frames that a client may lag behind before it is disconnected
REORDER_SECONDS = 1.0  # a held-back event is sent after this when no other one follows


class Connection:
    """One client's socket: frames are queued at once and written by its own task, so that none blocks the market."""

    def __init__(self, number: int) -> None:
        self.socket = web.WebSocketResponse(heartbeat=None, max_msg_size=1 << 20)
        self.number = number
        self.private = False
        self.logged_in = False
        self._frames: deque[str] = deque()
        self._wake = asyncio.Event()

    def send(self, frame: str) -> None:
        self._frames.append(frame)
        self._wake.set()

    async def write(self) -> None:
        while not self.socket.closed:
            await self._wake.wait()
            self._wake.clear()
            if len(self._frames) > BACKLOG:
                await self.close(WSCloseCode.POLICY_VIOLATION)
                return
            while self._frames and not self.socket.closed:
                await self.socket.send_str(self._frames.popleft())

    async def close(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        await self.socket.close(code=code)


class Hub:
    """All streams of one venue; the two protocols derive from it."""

    def __init__(self, core: Exchange, faults: FaultBoard) -> None:
        self.core, self.faults = core, faults
        self.connections: set[Connection] = set()
        self._numbers = 0
        self._held: list[tuple[str, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        core.listeners.append(self._on_event)

    @property
    def muted(self) -> bool:
        return self.faults.state(self.core.venue, "mute_stream", self.core.market.clock.now_ms()) is not None

    async def serve(
        self, request: web.Request, opened: Callable[[Connection], None], text: Callable[[Connection, str], None]
    ) -> web.WebSocketResponse:
        """Runs one connection until either side closes it."""
        self._numbers += 1
        connection = Connection(self._numbers)
        await connection.socket.prepare(request)
        self.connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            opened(connection)
            async for message in connection.socket:
                if isinstance(message.data, str):
                    text(connection, message.data)
        finally:
            writer.cancel()
            self.connections.discard(connection)
            self.closed(connection)
        return connection.socket

    def closed(self, connection: Connection) -> None:
        """Forgets the subscriptions of a connection that ended."""
        raise NotImplementedError

    def private_frames(self, event: Event) -> list[tuple[str, str]]:
        """Channel and frame of each message that an account event causes."""
        raise NotImplementedError

    def private_receivers(self, channel: str) -> list[Connection]:
        """Who gets the account's messages of a channel."""
        raise NotImplementedError

    async def every_second(self) -> None:
        """Frames that go by time."""
        raise NotImplementedError

    def close_all(self) -> None:
        """The close_stream fault: every connection ends now with 1001."""
        for connection in tuple(self.connections):
            self._spawn(connection.close())

    def send(self, connections: set[Connection] | list[Connection], frame: str) -> None:
        if self.muted:
            return
        for connection in tuple(connections):
            connection.send(frame)

    def _on_event(self, event: Event) -> None:
        for channel, frame in self.private_frames(event):
            receivers = self.private_receivers(channel)
            if receivers:
                self._with_faults(channel, frame)

    def _with_faults(self, channel: str, frame: str) -> None:
        if self.faults.stream(self.core.venue, "reorder_events"):
            self._held.append((channel, frame))
            self._spawn(self._release())
            return
        repeats = 2 if self.faults.stream(self.core.venue, "duplicate_event") else 1
        for _ in range(repeats):
            self.send_private(self.private_receivers(channel), channel, frame)
        self._flush()

    def send_private(self, connections: list[Connection], channel: str, frame: str) -> None:
        """One account message to those who get its channel."""
        self.send(connections, frame)

    def _flush(self) -> None:
        held, self._held = self._held, []
        for channel, frame in held:
            self.send_private(self.private_receivers(channel), channel, frame)

    async def _release(self) -> None:
        await asyncio.sleep(REORDER_SECONDS)
        self._flush()

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
