"""Races around the second operator's confirm, on the real desk actions: ``python -m tools.confirm_races``."""
