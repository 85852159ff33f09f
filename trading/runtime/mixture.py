"""Processes of different builds, settings or schemas must not trade together (RELIABILITY G5, D9): the trader compares
their heartbeats with itself."""

from collections.abc import Mapping
from datetime import timedelta

from propbot import build
from propbot.clock import database_now
from propbot.upkeep.likeness import config_figure, schema_figure
from propbot.upkeep.models import Heartbeat
from risk.services.hold import hold_engage_unless_held

FRESH = timedelta(seconds=30)
NAMES = {"build": "builds", "config": "settings", "schema": "schemas"}


def others_of(beat: Mapping[str, str], mine: Mapping[str, str]) -> list[str]:
    """Sentences about what one heartbeat says differently. What it does not say is no difference."""
    return [
        f"{beat['name']} has other {NAMES[column]}: {beat[column]} beside {mine[column]}"
        for column in NAMES
        if beat[column] and mine[column] and beat[column] != mine[column]
    ]


def mixtures() -> list[str]:
    """What processes that beat in the last half minute have otherwise than this one."""
    mine = {"build": build.version(), "config": config_figure(), "schema": schema_figure()}
    rows = Heartbeat.objects.filter(beat_at__gte=database_now() - FRESH).order_by("name")
    return [sentence for beat in rows.values("name", *NAMES) for sentence in others_of(beat, mine)]


def mixture_check() -> list[str]:
    """Engage HOLD while processes are unlike."""
    found = mixtures()
    if found:
        hold_engage_unless_held(
            reason=f"unlike processes are running: {'; '.join(found)}"[:500], source="build_mixture"
        )
    return found
