"""How soon listeners of the live feed see a HOLD: part of ``make console-bench``."""

import asyncio
import json
import time
from typing import Any

import httpx
import websockets

LISTENERS, HOLDS = 200, 5
PATIENCE_SECONDS = 30.0


class _Listener:
    """One socket; ``seen`` is when the reason that is waited for first arrived."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.seen = 0.0

    async def wait_for_reason(self, reason: str) -> None:
        while True:
            message = json.loads(await self.socket.recv())
            if message.get("status", {}).get("hold_reason") == reason:
                self.seen = time.perf_counter()
                return


async def _one_hold(client: httpx.AsyncClient, listeners: list[_Listener], number: int) -> list[float]:
    """Milliseconds from asking for the HOLD to each listener that has it."""
    reason = f"bench {number}"
    waiting = [asyncio.create_task(one.wait_for_reason(reason)) for one in listeners]
    await asyncio.sleep(1.0)
    began = time.perf_counter()
    answer = await client.post("/api/ui/hold", json={"reason": reason})
    answer.raise_for_status()
    await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_SECONDS)
    return [(one.seen - began) * 1000 for one in listeners]


async def hold_latencies(base_url: str, *, operator: str, viewer: str) -> list[float]:
    """Of every listener and every HOLD, in ms; the clock runs from the operator's request."""
    headers = {"Authorization": f"Bearer {viewer}"}
    url = base_url.replace("http", "ws", 1) + "/ws/status"
    sockets = [
        await websockets.connect(url, origin=base_url, additional_headers=headers, open_timeout=30)  # type: ignore[arg-type]
        for _ in range(LISTENERS)
    ]
    try:
        listeners = [_Listener(socket) for socket in sockets]
        own = {"Authorization": f"Bearer {operator}"}
        async with httpx.AsyncClient(base_url=base_url, headers=own, timeout=30) as client:
            return [ms for number in range(HOLDS) for ms in await _one_hold(client, listeners, number)]
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))
