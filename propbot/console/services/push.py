"""Tell the web processes that something committed. A lost message costs half a second, never a state.

The caller never waits: HOLD must not depend on a Redis that hangs (law 1), so one thread per process sends.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from propbot.console.nudges import STATUS_GROUP

log = structlog.get_logger(__name__)
_waiting = BoundedSemaphore(2)


@cache
def _sender() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="status-push")


def push_status() -> None:
    """Two pending nudges say as much as ten: what does not fit is left out."""
    if _waiting.acquire(blocking=False):
        _sender().submit(_send)


def _send() -> None:
    try:
        layer = get_channel_layer()
        if layer is not None:
            async_to_sync(layer.group_send)(STATUS_GROUP, {"type": "status.changed"})
    except (RedisError, OSError) as error:
        log.info("status_push_skipped", cause=error.__class__.__name__)
    finally:
        _waiting.release()
