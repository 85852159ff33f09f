"""The live feed as a client follows it: the documented example, and what ``propbotctl tail`` uses. No Django in here.

    API_TOKEN=… python -m propbot.console.feed_client http://127.0.0.1:8000

The feed promises order by ``seq`` and nothing else: whoever misses one, or hears nothing for ten seconds, connects again
and starts from the snapshot. What is shown meanwhile is stale, and must not be acted on.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import websockets

SILENCE_SECONDS = 10.0
RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)
ROLE_ENDED = 4401
Message = dict[str, Any]
Hear = Callable[[Message], None]
LOST: Message = {"type": "lost"}


class FeedRefusedError(Exception):
    """The token is unknown, expired, or its role has ended: connecting again does not help."""


class FeedUnreachableError(Exception):
    """No desk answered at this address at all."""


async def follow(base_url: str, token: str, hear: Hear, *, silence_seconds: float = SILENCE_SECONDS) -> None:
    """Hand each message to ``hear``, and LOST whenever the link ends; until canceled or refused."""
    failures, ever = 0, False
    while True:
        try:
            async with _socket(base_url, token) as socket:
                failures, ever = 0, True
                await _listen(socket, hear, silence_seconds)
        except websockets.ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == ROLE_ENDED:
                raise FeedRefusedError("the token is not valid, or its role has ended") from closed
        except websockets.InvalidStatus as refused:
            if refused.response.status_code < 500:
                raise FeedRefusedError(f"the handshake was answered {refused.response.status_code}") from refused
        except (OSError, TimeoutError, websockets.InvalidHandshake) as error:
            if not ever:
                raise FeedUnreachableError(f"{base_url} does not answer: {error.__class__.__name__}") from error
        hear(LOST)
        await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
        failures += 1


def _socket(base_url: str, token: str) -> Any:
    """The origin must be the desk's own host: the desk refuses every other."""
    url = base_url.rstrip("/").replace("http", "ws", 1) + "/ws/status"
    headers = {"Authorization": f"Bearer {token}"}
    return websockets.connect(url, origin=base_url.rstrip("/"), additional_headers=headers)  # type: ignore[arg-type]


async def _listen(socket: Any, hear: Hear, silence_seconds: float) -> None:
    """Until a gap in ``seq`` or a silence; both mean: begin again."""
    seq: int | None = None
    while True:
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that meets a message.
            async with asyncio.timeout(silence_seconds):
                message: Message = json.loads(await socket.recv())
        except TimeoutError:
            return
        if seq is not None and message["seq"] != seq + (message["type"] == "change"):
            return
        seq = message["seq"]
        hear(message)


def line_of(message: Message) -> str:
    """One message for a terminal."""
    if message["type"] == "lost":
        return "STALE: the feed is interrupted, connecting again"
    said = message.get("status", {}).get("line", message["type"])
    return f"{message.get('ts')} #{message['seq']} {said}"


def main() -> int:
    base_url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    try:
        asyncio.run(
            follow(base_url, os.environ.get("API_TOKEN", ""), lambda message: print(line_of(message), flush=True))  # noqa: T201
        )
    except KeyboardInterrupt:
        return 0
    except FeedRefusedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except FeedUnreachableError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
