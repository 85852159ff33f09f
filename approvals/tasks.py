"""Housekeeping of this floor, on queue ops; what opens sealed secrets, on queue trading."""

from celery import shared_task

from approvals.services import approvals_expire_due
from approvals.services.idempotency import idempotency_purge
from approvals.services.sealed import sealed_secrets_apply


@shared_task(name="approvals.expire_due", queue="ops", ignore_result=True)
def expire_due() -> int:
    return approvals_expire_due()


@shared_task(name="approvals.purge_answers", queue="ops", ignore_result=True)
def purge_answers() -> int:
    return idempotency_purge()


@shared_task(name="approvals.apply_sealed_secrets", queue="trading", ignore_result=True)
def apply_sealed_secrets() -> int:
    """Only the trader holds the key that opens them, so only its queue carries this task."""
    return sealed_secrets_apply()
