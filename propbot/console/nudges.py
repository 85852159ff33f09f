"""Hears, through the channel layer, that something changed. Losing one costs half a second, never a state."""

import asyncio
import logging
from collections.abc import Callable

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

STATUS_GROUP = "status"
RETRY_SECONDS = 1.0


async def listen(nudge: Callable[[], None]) -> None:
    """Until canceled. A Redis that is away is asked again; the hub polls meanwhile."""
    while True:
        try:
            await _hear(nudge)
        except (RedisError, OSError):
            logger.info("status_nudges_unavailable")
            await asyncio.sleep(RETRY_SECONDS)


async def _hear(nudge: Callable[[], None]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    channel = await layer.new_channel()
    await layer.group_add(STATUS_GROUP, channel)
    while True:
        await layer.receive(channel)
        nudge()
