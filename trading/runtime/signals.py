"""What Celery calls when the trading worker is ready and when it leaves (propbot/celery.py)."""

from typing import Any

import structlog
from celery import signals

from approvals.services.sealed import trader_key_ensure
from trading.runtime.worker import Follow, TraderWorker, runtime_build

log = structlog.get_logger(__name__)
_workers: list[TraderWorker] = []


def publish_seal_key() -> None:
    """From now on operators can hand over secrets that only this process opens (SPEC 10)."""
    try:
        trader_key_ensure()
    except OSError as error:
        # A disk that takes no key keeps nobody from trading or stopping: handing over a secret answers 503 then.
        log.error("seal_key_not_published", cause=error.__class__.__name__)


def start(follow: Follow) -> TraderWorker:
    """Begin the trader's life in this process; a second call changes nothing."""
    if not _workers:
        publish_seal_key()
        worker = TraderWorker(runtime_build(), follow)
        _workers.append(worker)
        worker.start()
    return _workers[0]


def stop() -> None:
    while _workers:
        _workers.pop().stop()


@signals.worker_shutting_down.connect
def drain(**_: Any) -> None:
    """SIGTERM: nothing opens any more, while Celery lets running tasks end."""
    for worker in _workers:
        worker.drain()
