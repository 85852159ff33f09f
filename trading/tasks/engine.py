"""Beat's knocks on the engine, queue ``trading``. Each only asks a duty to run if it is due; none carries money."""

from celery import shared_task

from trading.runtime.duties import CLOSING, FEES, FILLS, FUNDING, INSTRUMENTS, RECONCILE, RESOLVE, Duty
from trading.runtime.handle import installed


def _knock(duty: Duty) -> bool:
    runtime = installed()
    return runtime is not None and duty.run(runtime)


@shared_task(name="trading.tasks.engine.resolve_sweep")
def resolve_sweep() -> bool:
    """Ask the venues about every order whose end is not known, and conclude its hedge."""
    return _knock(RESOLVE)


@shared_task(name="trading.tasks.engine.closing_sweep")
def closing_sweep() -> bool:
    """Carry on closings, and close what the exit rules say."""
    return _knock(CLOSING)


@shared_task(name="trading.tasks.engine.reconcile")
def reconcile() -> bool:
    return _knock(RECONCILE)


@shared_task(name="trading.tasks.engine.fills_sweep")
def fills_sweep() -> bool:
    return _knock(FILLS)


@shared_task(name="trading.tasks.engine.instruments_refresh")
def instruments_refresh() -> bool:
    """Instruments, then fees and funding of the allowed symbols."""
    return any([_knock(INSTRUMENTS), _knock(FEES), _knock(FUNDING)])
