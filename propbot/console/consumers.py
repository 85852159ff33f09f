"""/ws/status: a snapshot, then changes, to people with a role and only while they have it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.utils import await_many_dispatch

from propbot.console.hub import Client, StatusHub
from propbot.console.nudges import listen
from propbot.console.selectors.live import live_status
from propbot.console.socket_auth import Visitor, plainly_allowed, visitor_at_sight, visitor_of, visitor_still_allowed
from propbot.http.answering import STOPS, Turns

RECHECK_SECONDS = 30.0
CLOSE_UNAUTHORIZED = 4401
CLOSE_TOO_SLOW = 4408

# After an interruption everybody comes back at once: a few at a time, so that a stop which comes among them goes first.
door = Turns(at_once=2)
hub = StatusHub(database_sync_to_async(live_status), listen=listen)


class StatusConsumer(AsyncWebsocketConsumer):
    """Sends only; what a client says is ignored, so there is nothing to forge here."""

    recheck_seconds = RECHECK_SECONDS
    _visitor: Visitor | None = None
    _client: Client | None = None
    _tasks: tuple["asyncio.Task[None]", ...] = ()

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Without a channel of its own: joining one would need Redis, and the desk's state must be seen without."""
        self.scope = scope
        self.base_send = send
        with contextlib.suppress(StopConsumer):
            await await_many_dispatch([receive], self.dispatch)

    async def dispatch(self, message: Any) -> None:
        """Without channels' look after the database's connections in one more thread: each reader here does it itself."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        async with door.one():
            await STOPS.over()
            at_sight = await visitor_at_sight(self.scope)
            self._visitor = at_sight or await database_sync_to_async(visitor_of)(self.scope)
            await self.accept()
            if self._visitor is None:
                await self.close(code=CLOSE_UNAUTHORIZED)
                return
            self._client = await hub.join()
        self._tasks = (asyncio.create_task(self._pump(self._client)), asyncio.create_task(self._recheck()))

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        if self._client is not None:
            hub.leave(self._client)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing to hear: every action goes over HTTP, where it is checked and recorded."""

    async def _pump(self, client: Client) -> None:
        while not client.overflowed:
            text = await client.messages.get()
            # The socket may be gone already; disconnect() then follows by itself.
            with contextlib.suppress(RuntimeError):
                await self.send(text_data=text)
        hub.leave(client)
        await self.close(code=CLOSE_TOO_SLOW)

    async def _recheck(self) -> None:
        """Roles, sessions and tokens end while sockets live on (RELIABILITY H7). Who was let in was just asked."""
        visitor, allowed = self._visitor, True
        while visitor is not None and allowed:
            await asyncio.sleep(self.recheck_seconds)
            await STOPS.over()
            allowed = await plainly_allowed(visitor) or await database_sync_to_async(visitor_still_allowed)(visitor)
        await self.close(code=CLOSE_UNAUTHORIZED)
