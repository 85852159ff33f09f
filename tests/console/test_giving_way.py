"""What a keeper builds beside the requests: they go first, for a while, and nobody waits for each other in a circle."""

import asyncio
import time
from threading import Event, Thread
from typing import Any

import pytest

from propbot.console import kept
from propbot.http.answering import Answering, Stopping, Turns


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


def test_the_keeper_waits_for_a_stop_even_when_it_has_waited_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    stops = Stopping()
    monkeypatch.setattr(kept, "STOPS", stops)
    monkeypatch.setattr(kept._keeper, "may_wait", 0.0, raising=False)
    kept.breathe()
    stops.patience_seconds = 0.02
    with stops.one():
        began = time.monotonic()
        kept.breathe()
        assert time.monotonic() - began >= 0.02


class Crowd:
    """Comers at a door of so many at once; each waits inside until it is told to go."""

    def __init__(self, at_once: int) -> None:
        self.door, self.inside = Turns(at_once), list[str]()
        self.leave = {name: asyncio.Event() for name in "abcde"}

    async def come(self, name: str) -> None:
        async with self.door.one():
            self.inside.append(name)
            await self.leave[name].wait()

    def comers(self) -> dict[str, "asyncio.Task[None]"]:
        return {name: asyncio.create_task(self.come(name)) for name in self.leave}


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_few_have_their_turn_and_the_others_follow_as_they_came() -> None:
    async def play() -> list[str]:
        crowd = Crowd(at_once=2)
        comers = crowd.comers()
        await _settled()
        assert crowd.inside == ["a", "b"]
        for name in "bacde":
            crowd.leave[name].set()
            await comers[name]
        return crowd.inside

    assert asyncio.run(play()) == ["a", "b", "c", "d", "e"]


def test_whoever_gives_up_leaves_its_turn_to_the_next() -> None:
    async def play() -> list[str]:
        crowd = Crowd(at_once=1)
        comers = crowd.comers()
        await _settled()
        comers["b"].cancel()
        await _settled()
        crowd.leave["a"].set()
        await asyncio.sleep(0)
        comers["c"].cancel()  # at the moment of its turn
        await _settled()
        assert crowd.inside[-1] == "d"
        for name in "de":
            crowd.leave[name].set()
            await comers[name]
        return crowd.inside

    assert asyncio.run(play()) == ["a", "d", "e"]


def test_nobody_who_comes_later_gets_in_before_whoever_was_called() -> None:
    async def play() -> list[str]:
        crowd = Crowd(at_once=1)
        comers = {name: asyncio.create_task(crowd.come(name)) for name in "ab"}
        await _settled()
        crowd.leave["a"].set()
        await asyncio.sleep(0)  # "a" has left and called "b", which has not moved yet
        comers["c"] = asyncio.create_task(crowd.come("c"))
        for name in "bc":
            crowd.leave[name].set()
            await comers[name]
        return crowd.inside

    assert asyncio.run(play()) == ["a", "b", "c"]
