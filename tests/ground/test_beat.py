"""Two beats run everything once (RELIABILITY E6)."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from celery.beat import Service
from celery.schedules import crontab, schedule
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from propbot.celery import app, stop_beat_between_ticks
from propbot.upkeep import services
from propbot.upkeep.models import BeatLease, BeatSlot
from propbot.upkeep.scheduler import LeasedScheduler, period_of, slot_of
from propbot.upkeep.selectors import heartbeat_ages

pytestmark = pytest.mark.django_db(transaction=True)


def expire_lease() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE upkeep_beatlease SET expires_at = clock_timestamp() - interval '1 second'")


def test_only_one_beat_holds_the_lease_until_it_expires() -> None:
    assert services.beat_lease_take(holder="first")
    assert not services.beat_lease_take(holder="second")
    assert services.beat_lease_take(holder="first")
    expire_lease()
    assert services.beat_lease_take(holder="second")
    assert not services.beat_lease_take(holder="first")


def test_a_released_lease_is_free_at_once() -> None:
    services.beat_lease_take(holder="first")
    services.beat_lease_release(holder="somebody else")
    assert not services.beat_lease_take(holder="second")
    services.beat_lease_release(holder="first")
    assert services.beat_lease_take(holder="second")
    assert BeatLease.objects.get().holder == "second"


def test_of_many_beats_exactly_one_claims_a_slot() -> None:
    barrier, won = Barrier(8), []

    def claim() -> None:
        barrier.wait()
        won.append(services.beat_slot_claim(task="scan", slot=42))
        connection.close()

    threads = [Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert BeatSlot.objects.filter(task="scan", slot=42).count() == 1


@pytest.mark.parametrize(
    ("moment", "period", "slot"), [(10.0, 5.0, 100), (14.99, 5.0, 100), (15.0, 5.0, 150), (0.74, 0.5, 5), (61, 60, 600)]
)
def test_a_slot_is_the_period_that_the_moment_lies_in(moment: float, period: float, slot: int) -> None:
    assert slot_of(moment, period) == slot


def test_a_crontab_has_slots_of_a_minute() -> None:
    assert period_of(crontab(minute="5")) == 60
    assert period_of(schedule(timedelta(seconds=2.5))) == 2.5


def test_old_slots_are_pruned_and_new_ones_stay() -> None:
    services.beat_slot_claim(task="scan", slot=1)
    BeatSlot.objects.update(sent_at="2026-01-01T00:00:00Z")
    services.beat_slot_claim(task="scan", slot=2)
    assert services.beat_slots_prune() == 1
    assert list(BeatSlot.objects.values_list("slot", flat=True)) == [2]


def test_a_heartbeat_is_measured_by_the_database_and_not_by_this_machine() -> None:
    with time_machine.travel("2020-01-01"):
        services.heartbeat_note(name="stream")
        assert 0 <= heartbeat_ages()["stream"] < 5


def test_the_table_is_installed_with_queues_and_expiries() -> None:
    LeasedScheduler(app=app)
    rows = PeriodicTask.objects.filter(name__in=app.conf.beat_schedule)
    assert rows.count() == len(app.conf.beat_schedule)
    assert not rows.filter(expire_seconds__isnull=True).exists()
    assert PeriodicTask.objects.get(name="canary of trading").queue == "trading"


def test_an_operators_edit_survives_a_restart_until_the_table_itself_changes() -> None:
    LeasedScheduler(app=app)
    slow, _ = IntervalSchedule.objects.get_or_create(every=90, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.filter(name="scan").update(interval=slow, enabled=False)
    LeasedScheduler(app=app)
    edited = PeriodicTask.objects.get(name="scan")
    assert (edited.interval, edited.enabled) == (slow, False)
    PeriodicTask.objects.filter(name="scan").update(description="installed: something older")
    LeasedScheduler(app=app)
    assert PeriodicTask.objects.get(name="scan").interval != slow


def test_an_entry_that_left_the_table_leaves_the_database() -> None:
    LeasedScheduler(app=app)
    PeriodicTask.objects.filter(name="scan").update(name="a former name")
    PeriodicTask.objects.create(name="an operator's own", task="upkeep.prune", interval_id=_any_interval())
    LeasedScheduler(app=app)
    names = set(PeriodicTask.objects.values_list("name", flat=True))
    assert "a former name" not in names
    assert {"scan", "an operator's own"} <= names


def _any_interval() -> int:
    return IntervalSchedule.objects.values_list("pk", flat=True)[0]


def test_two_schedulers_send_each_tick_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        "django_celery_beat.schedulers.DatabaseScheduler.apply_entry",
        lambda self, entry, producer: sent.append(entry.name),
    )
    first, second = LeasedScheduler(app=app), LeasedScheduler(app=app)
    entry = first.schedule["canary of ops"]
    with time_machine.travel(1_800_000_000, tick=False):
        first.apply_entry(entry)
        second.apply_entry(entry)
    assert sent == ["canary of ops"]


def test_a_second_beat_waits_until_the_first_one_is_gone() -> None:
    first, second = LeasedScheduler(app=app), LeasedScheduler(app=app)
    assert first.leads()
    assert not second.leads()
    first.close()
    expire_lease()
    second._renew_at = 0.0
    assert second.leads()


def test_a_stopped_beat_touches_no_database_from_inside_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[str, Callable[..., None]] = {}
    monkeypatch.setattr("celery.platforms.Signals.update", lambda _, **given: handlers.update(given))
    service = Service(app=app, scheduler_cls=LeasedScheduler)
    stop_beat_between_ticks(sender=service)
    with CaptureQueriesContext(connection) as asked:
        handlers["SIGTERM"](15, None)
    assert (len(asked), service._is_shutdown.is_set()) == (0, True)
