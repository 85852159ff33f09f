"""Beat's knocks on the scanner, auto-hedge, the loop and the basis sampler."""

from celery import shared_task

from propbot.clock import utc_now
from trading.runtime.handle import installed
from trading.services.auto_hedge import auto_hedge_step
from trading.services.basis_sampling import basis_sample
from trading.services.loop import loop_step
from trading.services.scanning import scan


def _trades() -> bool:
    """Only the trader that holds the lease acts; a standby changes nothing (law 7)."""
    runtime = installed()
    return runtime is not None and not runtime.standby


@shared_task(name="trading.tasks.scanning.scan_tick")
def scan_tick() -> str | None:
    """Beat's scan, every SCAN_INTERVAL_SEC."""
    if not _trades():
        return None
    result = scan(now=utc_now())
    return result.blocked_reason or "allowed" if result else "busy"


@shared_task(name="trading.tasks.scanning.auto_hedge_tick")
def auto_hedge_tick() -> str | None:
    return auto_hedge_step(now=utc_now()) if _trades() else None


@shared_task(name="trading.tasks.scanning.loop_tick")
def loop_tick() -> bool:
    """Every second; the loop itself knows its interval."""
    return _trades() and loop_step(now=utc_now()) is not None


@shared_task(name="trading.tasks.scanning.basis_tick")
def basis_tick() -> int:
    return basis_sample(now=utc_now())
