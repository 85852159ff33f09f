"""Clients of Redis that tell at once when it is gone."""

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry


def redis_client(url: str, *, seconds: float, connect_seconds: float | None = None) -> "redis.Redis":
    """A pooled client that answers text; a call takes at most twice ``seconds``, and raises ``RedisError`` then.

    redis-py on its own tries three times more, up to ten seconds apart: nobody here may wait so long for a cache.
    """
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=seconds,
        socket_connect_timeout=connect_seconds or seconds,
        retry=Retry(NoBackoff(), 1),
    )


def redis_async_client(url: str, *, seconds: float) -> "redis.asyncio.Redis":
    """The same for an event loop: what it sends leaves in the same turn, without a thread between."""
    return redis.asyncio.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=AsyncRetry(NoBackoff(), 1),
    )
