"""The server's beginning and end, told to whoever keeps something open on its loop."""

from collections.abc import Awaitable, Callable

from propbot.http.bounds import Message, Receive, Send

Closing = Callable[[], Awaitable[None]]


class Lifespan:
    def __init__(self, *closing: Closing) -> None:
        self._closing = closing

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        for close in self._closing:
            await close()
        await send({"type": "lifespan.shutdown.complete"})
