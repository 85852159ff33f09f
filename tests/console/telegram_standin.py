"""A stand-in of Telegram's Bot API over HTTP on loopback: getMe, deleteWebhook, getUpdates, sendMessage.

It keeps updates until a later ``offset`` confirms them, as the real one does, and can redeliver, limit and break.
"""

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "4242:stand-in-token-of-the-tests"
CHAT = -1001234567


def ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def refused(code: int, text: str, **parameters: Any) -> web.Response:
    body = {"ok": False, "error_code": code, "description": text, **({"parameters": parameters} if parameters else {})}
    return web.json_response(body, status=code)


@dataclass
class BotApi:
    """What the tests hold: put updates in, look at what was sent."""

    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    polls: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    failures: int = 0
    redeliver: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Any = field(default_factory=lambda: itertools.count(1000))

    # --- what a test does -----------------------------------------------------------------

    def deliver(self, update: dict[str, Any]) -> int:
        number = int(update.setdefault("update_id", next(self._numbers)))
        self.updates.append(update)
        self._arrived.set()
        self._touch()
        return number

    def say(self, text: str, *, sender: int, chat: int = CHAT, age: float = 0, **more: Any) -> int:
        return self.deliver({"message": self.message(text, sender=sender, chat=chat, age=age, **more)})

    def message(self, text: str, *, sender: int, chat: int = CHAT, age: float = 0, **more: Any) -> dict[str, Any]:
        user = {"id": sender, "is_bot": False, "first_name": "Somebody", "username": "alice"}
        entities = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}] if text[:1] == "/" else []
        return {
            "message_id": next(self._numbers),
            "from": user,
            "chat": {"id": chat, "type": "supergroup", "title": "desk"},
            "date": int(time.time() - age),
            "text": text,
            "entities": entities,
            **more,
        }

    async def reply(self, holding: str, *, seconds: float = 10) -> str:
        """The first message sent that holds the words; fails when none comes."""
        async with asyncio.timeout(seconds):
            while True:
                found = next((row["text"] for row in self.sent if holding in row["text"]), None)
                if found is not None:
                    return found
                self.changed.clear()
                await self.changed.wait()

    async def confirmed(self, number: int, *, seconds: float = 10) -> None:
        """Until the bot has asked for what comes after the update."""
        async with asyncio.timeout(seconds):
            while not any(int(poll.get("offset") or 0) > number for poll in self.polls):
                self.changed.clear()
                await self.changed.wait()

    # --- the protocol ---------------------------------------------------------------------

    def _touch(self) -> None:
        self.changed.set()

    async def handle(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != TOKEN:
            return refused(401, "Unauthorized")
        data = dict(await request.post()) if request.content_type != "application/json" else await request.json()
        if self.failures:
            self.failures -= 1
            return refused(502, "Bad Gateway")
        act = getattr(self, f"on_{request.match_info['method'].lower()}", None)
        return await act(data) if act else refused(404, "Not Found")

    async def on_getme(self, data: dict[str, Any]) -> web.Response:
        return ok({"id": 4242, "is_bot": True, "first_name": "PropBot", "username": "propbot_test_bot"})

    async def on_deletewebhook(self, data: dict[str, Any]) -> web.Response:
        return ok(True)

    async def on_getupdates(self, data: dict[str, Any]) -> web.Response:
        offset = int(data.get("offset") or 0)
        self.polls.append(data)
        if not self.redeliver:
            self.updates = [row for row in self.updates if row["update_id"] >= offset]
        self._touch()
        if not self.updates and data.get("timeout"):
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), 0.2)
        return ok(list(self.updates))

    async def on_sendmessage(self, data: dict[str, Any]) -> web.Response:
        if self.limits:
            seconds = self.limits.pop(0)
            return refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        self.sent.append({"chat_id": int(data["chat_id"]), "text": data["text"]})
        self._touch()
        chat = {"id": int(data["chat_id"]), "type": "supergroup", "title": "desk"}
        return ok({"message_id": next(self._numbers), "date": int(time.time()), "chat": chat, "text": data["text"]})


async def started(api: BotApi) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/bot{token}/{method}", api.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner
