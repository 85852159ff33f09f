"""Messages that name an attempt; money never rides on them."""

from uuid import UUID

from celery import shared_task

from trading.runtime.handle import installed
from trading.services.attempts import attempt_execute, attempt_sweep
from trading.services.single import SWEEP_LOCK, only_one


@shared_task(name="trading.tasks.attempts.attempt_run", ignore_result=True)
def attempt_run(attempt_id: str) -> None:
    """Claim and run one attempt; its answer is stored in the row that the web process looks at."""
    attempt_execute(attempt_id=UUID(attempt_id))


@shared_task(name="trading.tasks.attempts.attempts_sweep")
def attempts_sweep() -> dict[str, int] | None:
    """What messages lost and dead traders left behind."""
    runtime = installed()
    if runtime is None or runtime.standby:
        return None
    with only_one(SWEEP_LOCK) as alone:
        return attempt_sweep() if alone else None
