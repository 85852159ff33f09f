"""Scheduled upkeep of the risk floor, on queue ``ops``. The trader's own thread samples more often."""

from celery import shared_task

from propbot.clock import utc_now
from risk.services.autopilot import autopilot_evaluate
from risk.services.governor import fresh_sample, samples_prune
from risk.services.strategies import budgets_roll_over

TRADER_SAMPLES_WITHIN_SECONDS = 4


@shared_task(name="risk.governor_tick", ignore_result=True)
def governor_tick() -> None:
    """A sample when the trader's thread has stopped taking them; then autopilot's one decision, when it is due.

    While the trader samples, this process keeps out of the way: it knows less of the accounts' margin.
    """
    fresh_sample(max_age_seconds=TRADER_SAMPLES_WITHIN_SECONDS)
    autopilot_evaluate(now=utc_now())


@shared_task(name="risk.daily_reset", ignore_result=True)
def daily_reset() -> None:
    """Writes down that the daily budgets began anew at 00:00 UTC; they do so by themselves without it."""
    budgets_roll_over(utc_now())


@shared_task(name="risk.prune", ignore_result=True)
def prune() -> None:
    samples_prune(utc_now())
