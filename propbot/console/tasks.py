"""The console's standing work, on queue ops."""

from celery import shared_task

from propbot.console.services.incidents import incidents_write


@shared_task(name="console.incidents", queue="ops", ignore_result=True)
def incidents() -> int:
    return incidents_write()
