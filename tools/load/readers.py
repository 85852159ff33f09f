"""Readers of the status API: requests leave when they are due, whether or not the ones before were answered.

A latency runs from the moment a request was due, so that a desk that stalls is charged for everybody who waited.
"""

import asyncio

import aiohttp

from tools.load.figures import Answers

PATH = "/api/ui/status/overview"
REQUEST_SECONDS = 10.0


async def _one(session: aiohttp.ClientSession, due: float, answers: Answers) -> None:
    clock = asyncio.get_running_loop().time
    try:
        async with session.get(PATH) as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        answers.refuse(error.__class__.__name__)
        return
    if answer.status == 200:
        answers.took_ms.append((clock() - due) * 1000)
    else:
        answers.refuse(str(answer.status))


async def read_on(base_url: str, token: str, *, rate: float, seconds: float) -> Answers:
    """``rate`` requests a second for ``seconds``."""
    answers, clock = Answers(), asyncio.get_running_loop().time
    limits, waiting = aiohttp.ClientTimeout(total=REQUEST_SECONDS), set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(base_url, headers=headers, timeout=limits, connector=connector) as session:
        began = clock()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - clock()))
            task = asyncio.create_task(_one(session, due, answers))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
        answers.seconds = max(seconds, clock() - began)
    return answers
