"""Processes that are not alike do not trade together (RELIABILITY G5, D9)."""

import pytest

from propbot.clock import database_now
from propbot.config import values
from propbot.upkeep import likeness
from propbot.upkeep.models import Heartbeat
from propbot.upkeep.services import heartbeat_note
from risk.models import DeskState
from tests.engine.desk import desk_running
from trading.runtime.mixture import mixture_check, mixtures


@pytest.mark.django_db(transaction=True)
def test_processes_that_are_alike_are_no_mixture() -> None:
    desk_running()
    heartbeat_note(name="queue:ops")
    assert mixture_check() == []
    assert not DeskState.objects.get(pk=1).hold_active


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("column", ["build", "config", "schema"])
def test_another_build_configuration_or_schema_stops_the_desk(column: str) -> None:
    desk_running()
    heartbeat_note(name="queue:ops")
    Heartbeat.objects.update(**{column: "another"})
    assert len(mixture_check()) == 1
    assert DeskState.objects.get(pk=1).hold_active


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_that_says_nothing_or_is_old_is_no_mixture() -> None:
    heartbeat_note(name="queue:ops")
    Heartbeat.objects.update(config="", schema="", build="")
    Heartbeat.objects.create(name="gone", beat_at=database_now().replace(year=2020), build="old", config="old")
    assert mixtures() == []


def test_a_limit_changes_the_figure_and_a_secret_does_not(settings: object) -> None:
    before = likeness.config_figure()
    settings.PROPBOT = values().replace(BINANCE_API_KEY="k" * 64)  # type: ignore[attr-defined]
    assert likeness.config_figure() == before
    settings.PROPBOT = values().replace(MAX_QUOTE_AGE_MS=1234)  # type: ignore[attr-defined]
    assert likeness.config_figure() != before
