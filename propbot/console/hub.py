"""The publisher of /ws/status: one task per web process, alive while it has clients.

It polls committed state and hands changes to the sockets of its own process. It needs neither Redis nor the channel
layer to be right: those only save the wait (RELIABILITY S12: at most once, so never the source of safety state).
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError

from propbot.http.answering import STOPS

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
BUFFERED_MESSAGES = 32
AT_ONCE = 10
STOP = "stop"

# What reading committed state can meet: the database, a row that is not there, a pool or thread that ended.
UNREADABLE = (DatabaseError, ObjectDoesNotExist, OSError, RuntimeError)

Read = Callable[[], Awaitable[dict[str, Any]]]
Listen = Callable[[Callable[[], None]], Awaitable[None]]


@dataclass(eq=False)
class Client:
    """One socket's bounded mailbox: a slow reader is cut off, the others do not wait for it (RELIABILITY E14)."""

    messages: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(BUFFERED_MESSAGES))
    overflowed: bool = False

    def put(self, text: str) -> None:
        try:
            self.messages.put_nowait(text)
        except asyncio.QueueFull:
            self.overflowed = True


def fingerprint(status: dict[str, Any]) -> str:
    """Whether two statuses say the same: the passing of time alone is no change ("4 min ago" in the line)."""
    stable = {key: value for key, value in status.items() if key not in {"ts", "line"}}
    return sha256(json.dumps(stable, sort_keys=True, default=str).encode()).hexdigest()


class StatusHub:
    """Sequence numbers belong to this process and this run: a client that reconnects starts from a snapshot."""

    def __init__(
        self,
        read: Read,
        *,
        listen: Listen | None = None,
        poll_seconds: float = POLL_SECONDS,
        beat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._read = read
        self._listen = listen
        self._poll_seconds = poll_seconds
        self._beat_seconds = beat_seconds
        self._clients: set[Client] = set()
        self._task: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        self._status: dict[str, Any] | None = None
        self._print = ""
        self.seq = 0

    async def join(self) -> Client:
        """Start publishing if nobody else listens, and put the snapshot first into the new mailbox."""
        if self._status is None or not self._clients:
            await self._refresh()
        client = Client()
        client.put(self._text("snapshot"))
        self._clients.add(client)
        if self._task is None or self._task.done():
            self._nudged = asyncio.Event()  # it belongs to the loop that runs now
            self._task = asyncio.create_task(self._run())
        return client

    def leave(self, client: Client) -> None:
        self._clients.discard(client)

    def nudge(self) -> None:
        """Something committed: read now instead of at the next poll."""
        self._nudged.set()

    async def _run(self) -> None:
        listening = asyncio.ensure_future(self._listen(self.nudge)) if self._listen else None
        try:
            await self._publish()
        finally:
            if listening is not None:
                listening.cancel()

    async def _publish(self) -> None:
        beat_at = asyncio.get_running_loop().time() + self._beat_seconds
        while self._clients:
            await self._wait()
            readable = await self._poll()
            now = asyncio.get_running_loop().time()
            if readable and now >= beat_at:
                beat_at = now + self._beat_seconds
                await self._send(self._text("heartbeat"))

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                await self._nudged.wait()
        self._nudged.clear()

    async def _poll(self) -> bool:
        before = self._print
        await STOPS.over()
        try:
            await self._refresh()
        except UNREADABLE:
            # No reading, no heartbeat: the page says STALE by itself, and may not act on what it shows.
            logger.warning("status_unreadable")
            await self._send(json.dumps({"type": "unreadable", "seq": self.seq}))
            return False
        if self._print != before:
            await self._send(self._text("change"))
        return True

    async def _refresh(self) -> None:
        status = await self._read()
        found = fingerprint(status)
        if found != self._print:
            self.seq += 1
        self._status, self._print = status, found

    async def _send(self, text: str) -> None:
        """A few at a time, and after the answer to who stops the desk: that is what they are told of."""
        for number, client in enumerate(tuple(self._clients)):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
                await STOPS.over()  # another one
            client.put(text)

    def _text(self, kind: str) -> str:
        status = self._status or {}
        body: dict[str, Any] = {"type": kind, "seq": self.seq, "hold_id": status.get("hold_id"), "ts": status.get("ts")}
        if kind != "heartbeat":
            body["status"] = status
        return json.dumps(body, default=str)
