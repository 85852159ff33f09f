"""A trader's worker in a thread of the test: real broker, real queue, real result backend."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery.contrib.testing.worker import start_worker

from propbot.celery import app
from trading.tasks import attempts, scanning

TASKS = (attempts.attempt_run, attempts.attempts_sweep, scanning.scan_tick)


@contextmanager
def trader_worker() -> Iterator[None]:
    """Consumes queue ``trading``. It sends no worker_ready, so the runtime is the one that the test installed."""
    app.loader.import_default_modules()
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, queues=["trading"]):
        yield
