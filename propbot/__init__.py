"""PropBot. The Celery app is named here so that ``celery -A propbot`` finds it."""

from propbot.celery import app as celery_app

__all__ = ("celery_app",)
