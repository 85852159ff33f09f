"""Short-lived JSON in Redis. Not Django's cache: that one unpickles what it reads, and Redis is not trusted so far."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, InterfaceError, connections

from propbot.http.renderers import jsonable

PREFIX = "propbot:console:"
SOCKET_SECONDS = 1.0
LONGEST_STALE = 3
log = structlog.get_logger(__name__)


@cache
def client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        health_check_interval=10,
    )


def remembered(name: str, build: Callable[[], dict[str, Any]], *, milliseconds: int) -> dict[str, Any]:
    """The JSON document of ``build``. Without Redis it is built each time.

    While people look, nobody waits for it: a document older than ``milliseconds`` is still answered, and built anew
    beside the request by one process. Older than ``LONGEST_STALE`` times that it is never shown.
    """
    key = PREFIX + name
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.get(key)
            pipe.pttl(key)
            kept, left = pipe.execute()
    except redis.RedisError:
        return dict(jsonable(build()))
    if kept is None:
        return _built(key, build, milliseconds)
    if left < (LONGEST_STALE - 1) * milliseconds:
        _renew_beside(key, build, milliseconds)
    return dict(json.loads(kept))


def _built(key: str, build: Callable[[], dict[str, Any]], milliseconds: int) -> dict[str, Any]:
    document = dict(jsonable(build()))
    _keep(key, document, milliseconds)
    return document


def _renew_beside(key: str, build: Callable[[], dict[str, Any]], milliseconds: int) -> None:
    """One renewal at a time over all processes; a lost one is made up by the next request."""
    try:
        mine = client().set(f"{key}:renewing", "1", nx=True, px=LONGEST_STALE * milliseconds)
    except redis.RedisError:
        return
    if mine:
        _renewer().submit(_renew, key, build, milliseconds)


def _renew(key: str, build: Callable[[], dict[str, Any]], milliseconds: int) -> None:
    try:
        _built(key, build, milliseconds)
        client().delete(f"{key}:renewing")
    except (DatabaseError, InterfaceError, ObjectDoesNotExist, redis.RedisError) as error:
        # The old document ends by itself; the request that then builds one says what is wrong.
        log.info("not_renewed", key=key, cause=error.__class__.__name__)
    finally:
        connections.close_all()


@cache
def _renewer() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="console-renew")


def _keep(key: str, document: dict[str, Any], milliseconds: int) -> None:
    try:
        client().set(key, json.dumps(document), px=LONGEST_STALE * milliseconds)
    except redis.RedisError:
        return
