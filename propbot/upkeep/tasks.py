"""Canaries: a queue is alive when a task went through it, not when its worker is connected."""

from celery import shared_task

from propbot.upkeep import runs, services  # noqa: F401 - runs notes every run by signal


@shared_task(name="upkeep.canary")
def canary(queue: str) -> None:
    services.heartbeat_note(name=f"queue:{queue}")


@shared_task(name="upkeep.prune")
def prune() -> int:
    return services.beat_slots_prune()
