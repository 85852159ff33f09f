"""HOLD, again and again, each time on a desk that two people had released before."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from tools.load.figures import Answers

PAUSE_SECONDS = 0.25
REQUEST_SECONDS = 15.0


class Holding:
    """Alice stops; alice asks and bob confirms. The token is the second factor of every approval."""

    def __init__(self, session: aiohttp.ClientSession, accounts: Mapping[str, Any]) -> None:
        self.session, self.accounts, self.answers = session, accounts, Answers()

    async def _post(self, who: str, path: str, body: Mapping[str, Any]) -> int:
        headers = {"Authorization": f"Bearer {self.accounts['people'][who]['token']}"}
        try:
            async with self.session.post(path, json=dict(body), headers=headers) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0
        return answer.status

    async def hold(self, reason: str) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        status = await self._post("alice", "/api/ui/hold", {"reason": reason})
        if status == 200:
            self.answers.took_ms.append((clock() - began) * 1000)
        else:
            self.answers.refuse(str(status))

    async def release(self) -> None:
        asked = await self._post("alice", "/api/ui/resume-request", {"reason": "load"})
        done = await self._post("bob", "/api/ui/resume-confirm", {"token": self.accounts["approve_token"]})
        if (asked, done) != (200, 200):
            self.answers.refuse(f"release {asked}/{done}")


async def hold_on(base_url: str, accounts: Mapping[str, Any], *, seconds: float) -> Answers:
    """HOLD and release until the time is over; the last word is HOLD."""
    clock, limits = asyncio.get_running_loop().time, aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(base_url, timeout=limits) as session:
        holding, began, number = Holding(session, accounts), clock(), 0
        while clock() - began < seconds:
            await holding.release()
            await asyncio.sleep(PAUSE_SECONDS)
            number += 1
            await holding.hold(f"load {number}")
            await asyncio.sleep(PAUSE_SECONDS)
        holding.answers.seconds = clock() - began
    return holding.answers
