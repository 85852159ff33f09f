"""The console's own connection to Redis: only ever asked whether it answers."""

from functools import cache

import redis
from django.conf import settings

SOCKET_SECONDS = 1.0


@cache
def client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        health_check_interval=10,
    )
