"""Upkeep on queue ops."""

from celery import shared_task

from propbot.clock import utc_now
from trading.services.basis_sampling import basis_prune
from trading.services.housekeeping import pnl_snapshot, records_prune, universe_score


@shared_task(name="trading.tasks.housekeeping.pnl_snapshot_tick")
def pnl_snapshot_tick() -> int:
    return len(pnl_snapshot(now=utc_now()))


@shared_task(name="trading.tasks.housekeeping.universe_score_tick")
def universe_score_tick() -> int:
    return universe_score(now=utc_now())


@shared_task(name="trading.tasks.housekeeping.prune")
def prune() -> dict[str, int]:
    now = utc_now()
    return {**records_prune(now=now), "basis_samples": basis_prune(now=now)}
