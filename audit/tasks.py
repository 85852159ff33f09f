"""The audit floor's standing work, on queue ops."""

from celery import shared_task
from django.conf import settings

from audit.services import checkpoint_write, spool_ingest
from audit.services.delivery import alerts_deliver
from audit.services.verifying import verify_and_tell


@shared_task(name="audit.checkpoint", queue="ops", ignore_result=True)
def checkpoint() -> None:
    checkpoint_write(event="minute")


@shared_task(name="audit.ingest_spool", queue="ops", ignore_result=True)
def ingest_spool() -> int:
    return spool_ingest()


@shared_task(name="audit.deliver_alerts", queue="ops", ignore_result=True)
def deliver_alerts() -> int:
    return alerts_deliver() if settings.PROPBOT.flag("TELEGRAM_ENABLE") else 0


@shared_task(name="audit.verify", queue="ops", ignore_result=True)
def verify() -> bool:
    return verify_and_tell().sound


@shared_task(name="audit.verify_recent", queue="ops", ignore_result=True)
def verify_recent() -> bool:
    return verify_and_tell(from_checkpoint=True).sound
