"""Tell listeners that something changed, after the commit and without harm when one of them fails."""

from functools import partial

from django.db import transaction

from risk.models import DeskState
from risk.signals import desk_changed


def _send(what: str) -> None:
    desk_changed.send_robust(sender=DeskState, what=what)


def notify(what: str) -> None:
    """``what``: desk, control, limits, strategies, blocks."""
    transaction.on_commit(partial(_send, what), robust=True)
