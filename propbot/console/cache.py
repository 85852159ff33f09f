"""The console's own connection to Redis: only ever asked whether it answers."""

from functools import cache

import redis
from django.conf import settings

from propbot.redis_client import redis_client

SOCKET_SECONDS = 1.0


@cache
def client() -> "redis.Redis":
    return redis_client(settings.REDIS_URL, seconds=SOCKET_SECONDS)
