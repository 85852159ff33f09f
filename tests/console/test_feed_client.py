"""The example client of the live feed, and ``propbotctl tail``, against the real application."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets
from click.testing import CliRunner

from propbot.console import feed_client
from propbot.console.cli import main
from propbot.console.feed_client import FeedRefusedError, FeedUnreachableError, follow, line_of
from tests.access.people import Cast
from tests.console.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 20


class EnoughError(Exception):
    """Ends a feed that would go on for ever."""


@pytest.fixture
def desk() -> Iterator[str]:
    with serving() as url:
        yield url


def heard(url: str, token: str, until: Any, act: Any = lambda: None) -> list[dict[str, Any]]:
    """What the client hears until ``until`` says enough; ``act`` happens after the first message."""
    found: list[dict[str, Any]] = []

    def hear(message: dict[str, Any]) -> None:
        found.append(message)
        if len(found) == 1:
            act()
        if until(message):
            raise EnoughError

    async def run() -> None:
        await asyncio.wait_for(follow(url, token, hear, silence_seconds=0.5), PATIENCE_SECONDS)

    with pytest.raises(EnoughError):
        asyncio.run(run())
    return found


def test_a_hold_arrives_after_the_snapshot(desk: str, cast: Cast) -> None:
    def stop() -> None:
        headers = {"Authorization": f"Bearer {cast.alice.token}"}
        answer = httpx.post(f"{desk}/api/ui/hold", json={"reason": "seen by the example"}, headers=headers)
        assert answer.status_code == 200

    def told(message: dict[str, Any]) -> bool:
        return "seen by the example" in message.get("status", {}).get("line", "")

    found = heard(desk, cast.vera.token, told, stop)
    assert found[0]["type"] == "snapshot"
    assert "Stopped by alice" in line_of(found[-1])


def test_who_may_not_listen_is_refused_at_once(desk: str, cast: Cast) -> None:
    with pytest.raises(FeedRefusedError):
        asyncio.run(follow(desk, "nonsense", print))


def test_where_nobody_answers_the_client_says_so() -> None:
    with pytest.raises(FeedUnreachableError):
        asyncio.run(follow("http://127.0.0.1:9", "x", print))


@pytest.mark.parametrize(("token", "code"), [("nonsense", 1)])
def test_tail_ends_with_the_exit_code_of_a_refusal(desk: str, token: str, code: int) -> None:
    told = CliRunner().invoke(main, ["--base-url", desk, "--token", token, "tail"])
    assert told.exit_code == code


def test_tail_ends_with_3_where_nobody_answers() -> None:
    assert CliRunner().invoke(main, ["--base-url", "http://127.0.0.1:9", "--token", "x", "tail"]).exit_code == 3


@asynccontextmanager
async def scripted(*stories: list[dict[str, Any]]) -> AsyncIterator[str]:
    """A feed that tells each connection its own story, then stays silent."""
    waiting = list(stories)

    async def tell(socket: Any) -> None:
        for message in waiting.pop(0) if waiting else []:
            await socket.send(json.dumps(message))
        await socket.wait_closed()

    async with websockets.serve(tell, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def message(kind: str, seq: int) -> dict[str, Any]:
    return {"type": kind, "seq": seq, "ts": "now", "status": {"line": f"{kind} {seq}"}}


@pytest.mark.parametrize(
    "broken",
    [
        [message("snapshot", 4), message("change", 6)],
        [message("snapshot", 4), message("heartbeat", 5)],
        [message("snapshot", 4)],
    ],
    ids=["a gap", "a heartbeat that is ahead", "silence"],
)
def test_whatever_is_missed_the_client_begins_again_from_a_snapshot(broken: list[dict[str, Any]]) -> None:
    found: list[str] = []

    def hear(told: dict[str, Any]) -> None:
        found.append(line_of(told))
        if told["type"] == "snapshot" and told["seq"] == 9:
            raise EnoughError

    async def run() -> None:
        async with scripted(broken, [message("snapshot", 9)]) as url:
            await asyncio.wait_for(follow(url, "token", hear, silence_seconds=0.3), PATIENCE_SECONDS)

    with pytest.raises(EnoughError):
        asyncio.run(run())
    assert found == ["now #4 snapshot 4", "STALE: the feed is interrupted, connecting again", "now #9 snapshot 9"]


async def test_a_listener_that_is_canceled_as_a_message_comes_ends() -> None:
    """In Python 3.11 ``asyncio.wait_for`` keeps such a cancellation to itself, and whoever waits for the end waits for ever."""
    coming: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class Socket:
        async def recv(self) -> str:
            return await (coming if not coming.done() else asyncio.get_running_loop().create_future())

    listening = asyncio.create_task(feed_client._listen(Socket(), lambda _: None, 30))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    coming.set_result(json.dumps({"type": "snapshot", "seq": 1}))
    listening.cancel()
    done, _ = await asyncio.wait([listening], timeout=2)
    assert done == {listening}
    assert listening.cancelled()
