"""What a keeper builds beside the requests: they go first, for a while, and nobody waits for each other in a circle."""

import time
from threading import Event, Thread
from typing import Any

import pytest

from propbot.console import kept
from propbot.http.answering import Answering


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Answering:
    own = Answering()
    monkeypatch.setattr(kept, "REQUESTS", own)
    monkeypatch.setattr(kept, "_documents", [])
    return own


def test_nothing_is_waited_for_when_nothing_is_being_answered() -> None:
    assert Answering().give_way(30) < 5


def test_it_waits_until_the_last_answer_is_out() -> None:
    requests, begun, waited = Answering(), Event(), []

    def build() -> None:
        begun.set()
        waited.append(requests.give_way(30))

    with requests.one(), requests.one():
        thread = Thread(target=build)
        thread.start()
        assert begun.wait(10)
        assert waited == []
    thread.join(10)
    assert len(waited) == 1


def test_it_waits_no_longer_than_it_may() -> None:
    requests = Answering()
    with requests.one():
        assert requests.give_way(0.02) >= 0.02


def test_a_build_waits_for_requests_only_in_the_keeper_and_only_so_long(
    requests: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept._keeper, "may_wait", 0.0, raising=False)
    with requests.one():
        began = time.monotonic()
        kept.breathe()
        assert time.monotonic() - began < 5
        kept._keeper.may_wait = 0.03
        for _ in range(3):
            kept.breathe()
    assert kept._keeper.may_wait <= 0


def test_a_reader_that_waits_for_a_build_is_not_waited_for(requests: Answering) -> None:
    building, go_on, found = Event(), Event(), []

    def build() -> dict[str, Any]:
        building.set()
        assert go_on.wait(10)
        return {"waited": requests.give_way(30)}

    document = kept.Kept("slow", build, seconds=30.0)
    keeper = Thread(target=document.renew)
    keeper.start()
    assert building.wait(10)

    def read() -> None:
        with requests.one():
            found.append(document.read())

    reader = Thread(target=read)
    reader.start()
    go_on.set()
    keeper.join(10)
    reader.join(10)
    assert found[0]["waited"] < 10
