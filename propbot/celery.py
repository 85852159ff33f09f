"""The Celery app. Queue ``trading`` belongs to the trader, queue ``ops`` to the workers; JSON only."""

import os
import warnings
from functools import partial
from importlib import import_module
from typing import Any

from celery import Celery, platforms, signals
from celery.exceptions import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")

FLOORS = ["propbot.upkeep", "audit", "approvals", "risk", "trading", "propbot.console"]
TRADING_QUEUE = "trading"
TRADING_TASKS = ("engine", "scanning", "attempts", "housekeeping")

if os.environ.get("PROFILE") == "simulator":
    # A newcomer's container may have no other user; production runs as UID 1000 and keeps the warning.
    warnings.filterwarnings("ignore", message="You're running the worker", category=SecurityWarning)

_traders: list[Any] = []
app = Celery("propbot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(FLOORS)
for module in TRADING_TASKS:
    app.autodiscover_tasks(["trading.tasks"], related_name=module)


def consumes_trading(consumer: Any) -> bool:
    return TRADING_QUEUE in consumer.app.amqp.queues.consume_from


def follow_queue(consumer: Any, leads: bool) -> None:
    """Only the trader with the lease takes messages: a standby would take every second one and may not act on it."""

    def follow() -> None:
        if leads:
            consumer.add_task_queue(TRADING_QUEUE)
        else:
            consumer.cancel_task_queue(TRADING_QUEUE)

    consumer.call_soon(follow)


def _runtime() -> Any:
    """By name: the ground stands below the floors, and only the trader loads its runtime."""
    return import_module("trading.runtime.signals")


@signals.worker_init.connect
def refuse_unsafe_configuration(**_: Any) -> None:
    # Imported late: it reads Django's settings, which name this module.
    from propbot.checks import start_process

    start_process()


@signals.import_modules.connect
def refuse_before_the_schedule_is_read(**_: Any) -> None:
    """Beat asks the database for its schedule before its own signal is sent."""
    if os.environ.get("PROCESS") == "beat":
        refuse_unsafe_configuration()


@signals.beat_init.connect
def stop_beat_between_ticks(sender: Any, **_: Any) -> None:
    """Celery's own handler writes to the database from inside the signal: on a connection that was just being used,
    it waits for itself for ever."""

    def stop(*_: object) -> None:
        sender.stop()

    platforms.signals.update(SIGTERM=stop, SIGINT=stop)


@signals.worker_ready.connect
def start_runtime(sender: Any, **_: Any) -> None:
    """The trader's event loop, lease and governor live as long as its worker."""
    if consumes_trading(sender):
        _runtime().start(partial(follow_queue, sender))
        _traders.append(sender)


@signals.worker_shutdown.connect
def stop_runtime(**_: Any) -> None:
    if _traders:
        _runtime().stop()


@signals.setup_logging.connect
def keep_structured_logs(**_: Any) -> None:
    """Being connected is the point: Celery then leaves Django's logging alone."""
