"""The label in the corner of the admin: which kind of money this desk moves."""

from django.http import HttpRequest

from propbot.config import values

COLOURS = {"simulator": "info", "paper": "info", "testnet": "warning", "live": "danger"}


def environment(request: HttpRequest) -> tuple[str, str]:
    profile = values().text("PROFILE")
    return profile.upper(), COLOURS[profile]
