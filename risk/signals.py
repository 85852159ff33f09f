"""Told after the commit, never inside a transaction; a receiver that fails changes nothing."""

from django.dispatch import Signal

# Sent with ``what`` (desk, control, limits, strategies): a status push may follow it.
desk_changed = Signal()
