"""Documents that a process keeps: never too old, built by one thread, and nothing old after a failure."""

import sys
from threading import Barrier, Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from propbot.config import values
from propbot.console import kept
from propbot.console.kept import Kept


@pytest.fixture(autouse=True)
def own_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_documents", [])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(kept, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def counting(**kwargs: Any) -> tuple[Kept, list[int]]:
    built: list[int] = []

    def build() -> dict[str, Any]:
        built.append(1)
        return {"number": len(built)}

    return Kept("test", build, **{"seconds": 1.0, **kwargs}), built


def test_a_young_document_is_answered_again_and_an_old_one_is_not(clock: list[float]) -> None:
    document, built = counting()
    assert document.read() == document.read() == {"number": 1}
    clock[0] += 0.99
    assert document.read() == {"number": 1}
    clock[0] += 0.01
    assert document.read() == {"number": 2}
    assert len(built) == 2


def test_its_age_counts_from_the_beginning_of_its_build(clock: list[float]) -> None:
    def slow() -> dict[str, Any]:
        clock[0] += 0.7
        return {"at": clock[0]}

    document = Kept("slow", slow, seconds=1.0)
    first = document.read()
    clock[0] += 0.4
    assert document.read() != first


def test_what_is_built_on_another_is_as_old_as_that(clock: list[float]) -> None:
    base, _ = counting()
    upon = Kept("upon", lambda: {"base": base.read()["number"]}, seconds=1.0, built_on=base)
    base.read()
    clock[0] += 0.4
    assert upon.read() == {"base": 1}
    clock[0] += 0.6
    assert upon.read() == {"base": 2}


def test_a_reader_may_change_its_copy(clock: list[float]) -> None:
    document, _ = counting()
    document.read()["number"] = "changed"
    assert document.read() == {"number": 1}


def test_many_readers_at_once_cause_one_build() -> None:
    started, at_once, found = Event(), Barrier(8), []
    built: list[int] = []

    def build() -> dict[str, Any]:
        built.append(1)
        started.wait(0.05)
        return {}

    document = Kept("slow", build, seconds=30.0)

    def read() -> None:
        at_once.wait(10)
        found.append(document.read())

    threads = [Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(found), len(built)) == (8, 1)


def test_a_failure_is_raised_and_the_next_reader_asks_anew(clock: list[float]) -> None:
    answers: list[Any] = [OperationalError("away"), {"back": True}]

    def build() -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    document = Kept("failing", build, seconds=1.0)
    with pytest.raises(OperationalError):
        document.read()
    assert document.read() == {"back": True}


def test_the_web_process_keeps_what_is_watched_fresh_and_then_rests(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "WATCHED_SECONDS", 0.4)
    monkeypatch.setattr(kept, "SWITCH_SECONDS", sys.getswitchinterval())
    monkeypatch.setattr(kept.connections, "close_all", lambda: None)
    rebuilt = Event()
    built: list[int] = []

    def build() -> dict[str, Any]:
        built.append(1)
        if len(built) > 2:
            rebuilt.set()
        return {}

    document = Kept("watched", build, seconds=0.1)
    settings.PROPBOT = values().replace(PROCESS="web")
    document.read()
    assert rebuilt.wait(10)
    # The keeper gives its lock back when nobody has looked for a while.
    assert kept._keeping.acquire(timeout=10)
    kept._keeping.release()
