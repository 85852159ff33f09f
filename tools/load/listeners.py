"""Listeners of the live feed, in a process of their own: ``python -m tools.load.listeners URL COUNT SECONDS``.

Each is the documented client. A tenth of them is cut off every few seconds and comes back. What they hear is checked
here once more: after a snapshot every change must be the next one. The token comes over standard input, the figures
leave over standard output.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from propbot.console.feed_client import LOST, Message, follow

CUT_EVERY_SECONDS = 5.0
CUT_SHARE = 0.1
START_SECONDS = 60.0
END_SECONDS = 15.0
READY = "listening"


@dataclass
class Heard:
    """``lost``: links that ended unasked. ``gaps``: changes that were missed although the link was up."""

    messages: int = 0
    snapshots: int = 0
    lost: int = 0
    resyncs: int = 0
    gaps: int = 0


class Listener:
    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.seq: int | None = None
        self.status: dict[str, Any] = {}
        self._before = False

    def hear(self, message: Message) -> None:
        """One message, or LOST."""
        if message == LOST:
            self.heard.lost += 1
            self.seq = None
            return
        self.heard.messages += 1
        if message["type"] == "snapshot":
            self._begin()
        elif self.seq is None or message["seq"] != self.seq + (message["type"] == "change"):
            self.heard.gaps += 1
        self.seq = int(message["seq"])
        self.status = message.get("status", self.status)

    def _begin(self) -> None:
        self.heard.snapshots += 1
        self.heard.resyncs += self._before
        self._before = True

    def cut(self) -> None:
        self.seq = None


class Crowd:
    def __init__(self, base_url: str, token: str, count: int) -> None:
        self.base_url, self.token, self.heard = base_url, token, Heard()
        self.listeners = [Listener(self.heard) for _ in range(count)]
        self.tasks: list[asyncio.Task[None]] = []

    def _follow(self, listener: Listener) -> "asyncio.Task[None]":
        return asyncio.create_task(follow(self.base_url, self.token, listener.hear))

    async def start(self) -> None:
        """All of them, a few at a time, until each has its snapshot."""
        for listener in self.listeners:
            self.tasks.append(self._follow(listener))
            await asyncio.sleep(0.02)
        async with asyncio.timeout(START_SECONDS):
            while any(one.seq is None for one in self.listeners):  # noqa: ASYNC110 - of two hundred, in a tool
                await asyncio.sleep(0.1)

    async def cut(self, turn: int) -> None:
        """The next tenth loses its link and connects anew, all at once."""
        size = max(1, round(len(self.listeners) * CUT_SHARE))
        places = {number % len(self.listeners) for number in range(turn * size, (turn + 1) * size)}
        for place in places:
            self.tasks[place].cancel()
        await asyncio.gather(*(self.tasks[place] for place in places), return_exceptions=True)
        for place in places:
            self.listeners[place].cut()
            self.tasks[place] = self._follow(self.listeners[place])

    async def listen(self, seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        until, turn = clock() + seconds, 0
        while (left := until - clock()) > 0:
            await asyncio.sleep(min(CUT_EVERY_SECONDS, left))
            if left > CUT_EVERY_SECONDS:
                await self.cut(turn)
                turn += 1

    async def behind(self) -> int:
        """How many do not say what the others say once the desk is quiet: they missed something."""
        clock = asyncio.get_running_loop().time
        until = clock() + END_SECONDS
        while True:
            newest = max((one.seq or 0 for one in self.listeners), default=0)
            late = sum(one.seq != newest for one in self.listeners)
            if not late or clock() > until:
                return late
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def crowd(base_url: str, token: str, count: int, seconds: float) -> dict[str, Any]:
    gathered = Crowd(base_url, token, count)
    try:
        await gathered.start()
        print(READY, flush=True)  # noqa: T201 - the parent waits for it
        await gathered.listen(seconds)
        return {**asdict(gathered.heard), "listeners": count, "behind": await gathered.behind()}
    finally:
        await gathered.end()


def main() -> int:
    base_url, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    figures = uvloop.run(crowd(base_url, sys.stdin.readline().strip(), count, seconds))
    print(json.dumps(figures), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
