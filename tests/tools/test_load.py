"""The load's arithmetic and its generators, against servers that answer well, badly and not at all."""

import asyncio
import itertools
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from propbot.console.feed_client import LOST
from tools import reports
from tools.load import __main__ as tool
from tools.load import holds, quotes, readers, recording
from tools.load.figures import Answers, percentile
from tools.load.listeners import Heard, Listener
from tools.load.results import feed_results, hold_results, quote_results, status_results
from trading.simulator.replay.feed import CaptureFeed, Extras
from trading.simulator.replay.library import Library

HEARD = {"listeners": 200, "messages": 10, "snapshots": 2, "lost": 0, "resyncs": 1, "gaps": 0, "behind": 0}


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (50, 99, 100)
    assert percentile([7.0], 99) == 7
    assert math.isnan(percentile([], 99))


def test_no_answer_at_all_meets_no_target() -> None:
    nothing = Answers(seconds=10)
    assert [row.ok for row in status_results(nothing, rate=100)] == [False, False, None, True]
    assert [row.ok for row in hold_results(nothing)] == [False, None, True]


def test_the_targets_are_those_of_the_issue() -> None:
    good = Answers(took_ms=[10.0] * 6000, seconds=60)
    assert [row.ok for row in status_results(good, rate=100)] == [True, True, None, True]
    slow = Answers(took_ms=[10.0] * 97 + [301.0] * 3, seconds=1)
    assert status_results(slow, rate=100)[1].ok is False
    assert hold_results(Answers(took_ms=[99.0, 100.5]))[0].ok is False
    refused = Answers(took_ms=[1.0], refused={"503": 2})
    assert refused.bad == 2
    assert hold_results(refused)[-1].ok is False


@pytest.mark.parametrize("wrong", [{"gaps": 1}, {"lost": 1}, {"behind": 1}, {"listeners": 199}])
def test_one_listener_that_missed_something_is_a_missed_target(wrong: dict[str, int]) -> None:
    assert all(row.ok is not False for row in feed_results(HEARD, listeners=200))
    assert any(row.ok is False for row in feed_results({**HEARD, **wrong}, listeners=200))


def test_the_report_has_the_shape_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "REPORTS", tmp_path)
    rows = [*status_results(Answers(seconds=1), rate=100), *quote_results({"okx-perp": 5.0}, wanted=10)]
    body = json.loads(reports.write_report("load", rows, command="make load").read_text())
    assert body["command"] == "make load"
    assert all(set(row) == {"name", "value", "unit", "target", "ok"} for row in body["results"])


def test_quotes_are_counted_from_the_desks_own_metrics() -> None:
    text = (
        'propbot_quote_gap_seconds_bucket{le="0.05",venue="okx-perp"} 7.0\n'
        'propbot_quote_gap_seconds_count{venue="okx-perp"} 120.0\n'
        'propbot_quote_gap_seconds_count{venue="binance-um"} 1e+03\n'
    )
    assert quotes.counted(text) == {"okx-perp": 120.0, "binance-um": 1000.0}
    assert quotes.rates({"okx-perp": 20.0}, quotes.counted(text), 10) == {"okx-perp": 10.0, "binance-um": 100.0}


def test_the_recording_holds_twice_the_peak_and_every_frame_is_a_new_quote(tmp_path: Path) -> None:
    rate = recording.write(tmp_path, seconds=2)
    assert rate == 2 * (recording.PEAK_BINANCE + recording.PEAK_OKX)
    chosen = {source.venue: source for source, _ in Library(tmp_path, "okx", None).chosen()}
    assert set(chosen) == {"binance-um", "okx-perp"}
    for source in chosen.values():
        frames = source.content.depth  # type: ignore[union-attr]
        feed = CaptureFeed(source.instrument, frames, "load", Extras())
        tops = [(ladder.bids[0], ladder.asks[0]) for ladder in feed.frames(1.9)]
        assert len(tops) > 0.9 * len(frames)
        assert all(one != other for one, other in itertools.pairwise(tops))


@pytest.fixture
async def desk() -> AsyncIterator[tuple[str, list[tuple[str, dict[str, Any], str]]]]:
    """Answers the addresses that the load asks; every third status is refused."""
    asked: list[tuple[str, dict[str, Any], str]] = []

    async def status(_: web.Request) -> web.Response:
        asked.append(("status", {}, ""))
        return web.json_response({}, status=503 if len(asked) % 3 == 0 else 200)

    async def act(request: web.Request) -> web.Response:
        asked.append((request.path, await request.json(), request.headers["Authorization"]))
        return web.json_response({})

    app = web.Application()
    app.router.add_get(readers.PATH, status)
    app.router.add_post("/api/ui/{what}", act)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


async def test_requests_leave_at_their_rate_and_refusals_are_counted(desk: Any) -> None:
    url, asked = desk
    answers = await readers.read_on(url, "t", rate=60, seconds=1)
    assert len(asked) == 60
    assert (len(answers.took_ms), answers.refused) == (40, {"503": 20})
    assert answers.rate <= 40


async def test_a_desk_that_is_gone_is_an_error_and_no_latency() -> None:
    answers = await readers.read_on("http://127.0.0.1:1", "t", rate=20, seconds=0.5)
    assert answers.took_ms == []
    assert answers.bad == 10


async def test_every_hold_stops_a_desk_that_two_people_had_released(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "PAUSE_SECONDS", 0.01)
    url, asked = desk
    people = {name: {"token": name} for name in ("alice", "bob")}
    answers = await holds.hold_on(url, {"people": people, "approve_token": "second"}, seconds=0.2)
    assert len(answers.took_ms) >= 2
    assert answers.bad == 0
    steps = [(path.rpartition("/")[2], who.removeprefix("Bearer ")) for path, _, who in asked]
    assert steps[:4] == [
        ("resume-request", "alice"), ("resume-confirm", "bob"), ("hold", "alice"), ("resume-request", "alice"),
    ]  # fmt: skip
    assert steps[-1][0] == "hold"


def test_a_listener_counts_what_it_missed() -> None:
    heard = Heard()
    listener = Listener(heard)
    for message in (
        {"type": "snapshot", "seq": 5}, {"type": "change", "seq": 6}, {"type": "heartbeat", "seq": 6},
        {"type": "change", "seq": 8}, LOST, {"type": "snapshot", "seq": 1}, {"type": "change", "seq": 2},
    ):  # fmt: skip
        listener.hear(message)
    assert heard == Heard(messages=6, snapshots=2, lost=1, resyncs=1, gaps=1)
    listener.cut()
    listener.hear({"type": "change", "seq": 3})
    assert heard.gaps == 2


def test_a_report_of_less_than_the_whole_names_what_was_less() -> None:
    assert tool.command_of(tool.options_of([])) == "make load"
    assert tool.command_of(tool.options_of(["--seconds", "5"])) == "make load LOAD='--seconds 5'"
    with pytest.raises(SystemExit):
        tool.options_of(["--listeners", "0"])


async def test_a_generator_that_is_late_charges_the_wait_to_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        status = 200

        async def __aenter__(self) -> "Slow":
            return self

        async def __aexit__(self, *_: object) -> None:
            return

        async def read(self) -> bytes:
            return b""

    session: Any = type("Session", (), {"get": lambda self, path: Slow()})()
    answers = Answers()
    await readers._one(session, asyncio.get_running_loop().time() - 1.0, answers)
    assert answers.took_ms[0] >= 1000
