"""Law 1 and RELIABILITY S4: when HOLD returns, nothing further can be journaled, whatever races with it."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from propbot.errors import RecordingFailedError, RefusedError
from risk import hold_file
from risk.models import DeskStart, RiskSkip
from risk.services import hold
from risk.services.guard import desk_guard_opening, desk_guard_reducing
from risk.services.hold import hold_engage
from tests.risk.figures import Cast, Figures, the_desk

pytestmark = pytest.mark.django_db(transaction=True)


def journal(epoch: int) -> None:
    """An opening order's journal transaction: the guard first, then its row."""
    with transaction.atomic(durable=True):
        desk = desk_guard_opening(epoch=epoch)
        RiskSkip.objects.create(at=timezone.now(), symbol="X", reason="journal", cap=str(desk.hold_id), simulated=True)


@contextmanager
def writers(count: int, work: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Threads that work until the block ends; what broke them is collected."""
    stop, broken = threading.Event(), []

    def loop() -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=loop) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield broken
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_after_hold_returns_nothing_is_journaled_in_hundreds_of_races(cast: Cast, figures: Figures) -> None:
    """A writer notes every opening it committed; none may be committed after the HOLD that stopped it returned."""
    epoch, rounds = the_desk().trader_epoch, 0
    for _ in range(15):
        cast.run_desk()
        released = threading.Event()
        committed_late: list[str] = []

        def race(released: threading.Event = released, late: list[str] = committed_late) -> None:
            before = released.is_set()  # HOLD had returned before this opening began
            try:
                journal(epoch)
            except (RefusedError, OperationalError):
                return
            if before:
                late.append("journaled after HOLD")

        with writers(8, race) as broken:
            hold_engage(reason="race", source="test")
            count = RiskSkip.objects.count()
            released.set()
            for _ in range(20):
                rounds += 1
                assert RiskSkip.objects.count() == count
        assert not broken
        assert not committed_late
    assert rounds == 300


def test_hold_answers_within_100_ms_among_16_busy_writers(cast: Cast, figures: Figures) -> None:
    epoch = the_desk().trader_epoch

    def work() -> None:
        try:
            journal(epoch)
        except RefusedError:
            time.sleep(0.001)

    took = []
    for _ in range(12):
        cast.run_desk()
        with writers(16, work) as broken:
            began = time.monotonic()
            with transaction.atomic(durable=True):
                hold.desk_row_for_change()
                took.append(time.monotonic() - began)
            hold_engage(reason="busy", source="test")
        assert not broken
    # Sixteen Python threads share one interpreter here: the lock is what is judged, by its median.
    assert statistics.median(took) < 0.1


def test_hold_waits_for_an_opening_that_is_being_journaled_and_wins(cast: Cast, figures: Figures) -> None:
    cast.run_desk()
    epoch, inside, go_on = the_desk().trader_epoch, threading.Event(), threading.Event()

    def open_slowly() -> None:
        with transaction.atomic(durable=True):
            desk_guard_opening(epoch=epoch)
            inside.set()
            go_on.wait(5)
        connection.close()

    opener = threading.Thread(target=open_slowly)
    opener.start()
    inside.wait(5)
    results: list[Any] = []
    holder = threading.Thread(target=lambda: (results.append(hold_engage(reason="r", source="s")), connection.close()))
    holder.start()
    holder.join(0.2)
    assert not results
    assert hold_file.present()  # the file stands at once, whoever holds the lock
    go_on.set()
    holder.join(5)
    opener.join(5)
    assert results[0].hold_id == the_desk().hold_id
    assert the_desk().hold_active


def test_the_answer_names_what_is_on_the_wire(cast: Cast, figures: Figures) -> None:
    figures.in_flight = ["PBabc0001A01"]
    assert hold_engage(reason="r", source="s").in_flight == ["PBabc0001A01"]


def test_hold_passes_when_the_audit_cannot_be_written(
    figures: Figures, monkeypatch: pytest.MonkeyPatch, data_dir
) -> None:
    def fail(*args: object) -> None:
        raise RecordingFailedError("no room")

    before = the_desk().hold_id
    monkeypatch.setattr("audit.services.recording._append", fail)
    result = hold_engage(reason="r", source="s")
    assert result.hold_id == before + 1 == the_desk().hold_id
    assert len(list((data_dir / "audit" / "spool").glob("*.json"))) == 1


def test_hold_passes_with_redis_down(figures: Figures, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
        }
    }
    before = the_desk().hold_id
    assert hold_engage(reason="r", source="s").hold_id == before + 1


def test_an_unwritable_directory_does_not_keep_the_row_from_stopping(figures: Figures, settings) -> None:
    settings.DATA_DIR = "/proc/nowhere"
    before = the_desk().hold_id
    assert hold_engage(reason="r", source="s").hold_id == before + 1


def test_a_hold_file_alone_blocks_openings(cast: Cast, figures: Figures, data_dir) -> None:
    cast.run_desk()
    (data_dir / "HOLD").write_text("")
    with pytest.raises(RefusedError) as refused, transaction.atomic():
        desk_guard_opening(epoch=the_desk().trader_epoch)
    assert (refused.value.code, refused.value.status) == ("hold_active", 423)


def test_a_release_leaves_the_file_of_a_newer_hold(cast: Cast, figures: Figures) -> None:
    hold_engage(reason="first", source="test")
    hold_file.write(reason="second is on its way", source="test", hold_id=None, at=timezone.now())
    cast.clear_hold()
    assert hold_file.present()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE risk_deskstate SET safe_mode = true", "safe_mode"),
        ("UPDATE risk_deskstate SET mode = 'HOLD'", "not_running"),
        ("UPDATE risk_deskstate SET trader_epoch = trader_epoch + 1", "fenced"),
    ],
)
def test_openings_are_refused_with_their_reason(cast: Cast, figures: Figures, statement: str, code: str) -> None:
    cast.run_desk()
    epoch = the_desk().trader_epoch
    with connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(RefusedError) as refused:
        journal(epoch)
    assert (refused.value.code, refused.value.status) == (code, 423)


def test_reductions_pass_hold_and_are_fenced_only(cast: Cast, figures: Figures) -> None:
    hold_engage(reason="r", source="s")
    epoch = the_desk().trader_epoch
    desk_guard_reducing(epoch=epoch)
    with pytest.raises(RefusedError) as refused:
        desk_guard_reducing(epoch=epoch - 1)
    assert refused.value.code == "fenced"


def test_the_guard_needs_a_transaction(cast: Cast, figures: Figures) -> None:
    with pytest.raises(RuntimeError):
        desk_guard_opening(epoch=0)


def test_hold_against_approval_leaves_the_newer_hold_standing(cast: Cast, figures: Figures) -> None:
    """RELIABILITY F11: whoever wins the lock, a HOLD that returned last is active."""
    from risk.services.desk import resume_request

    for _ in range(20):
        hold_engage(reason="start", source="test")
        with cast.acting("alice"):
            request = resume_request(reason="race")
        barrier, outcomes = threading.Barrier(2), []

        def approve(request: Any = request, barrier: threading.Barrier = barrier, seen: list[str] = outcomes) -> None:
            barrier.wait()
            try:
                cast.approve("bob", request)
                seen.append("approved")
            except RefusedError as error:
                seen.append(error.code)
            finally:
                connection.close()

        thread = threading.Thread(target=approve)
        thread.start()
        barrier.wait()
        hold_engage(reason="newer", source="test")
        thread.join()
        assert outcomes[0] in ("approved", "hold_changed", "expired")
        assert the_desk().hold_active
        assert hold_file.present()
    assert DeskStart.objects.count() == 0
