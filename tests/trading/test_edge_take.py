"""The stream's knock: from a crossed quote to an open hedge in one breath, with every check of the longer way."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import redis
from django.db import connection
from django.test import override_settings

from audit.models import AuditRecord
from propbot.clock import utc_now
from risk import looks
from risk.models import ControlSettings
from risk.services.hold import hold_engage
from tests.engine.desk import LONG, SHORT, SYMBOLS, Desk
from tests.trading.test_auto_hedge import ready as ready
from trading.models import Hedge, HedgeAttempt, Opportunity, Order, TaskState, UniverseEntry
from trading.quotes import KNOCKS, BoardUnavailableError, Knocker, board
from trading.runtime.knocks import knock_answer
from trading.services.edge_take import decision_prepare, edge_take
from trading.services.requote import quotes_read
from trading.services.single import AUTO_HEDGE_LOCK, SCAN_LOCK, only_one
from trading.venues.base import Quote


@pytest.fixture(autouse=True)
def nothing_prepared() -> Iterator[None]:
    """A prepared look lives for a second: no test begins with the figures of another."""
    looks.forget()
    yield
    looks.forget()


@pytest.fixture
def crossed(ready: Desk) -> Desk:
    """BTCUSDT stands 70 bps higher on one venue."""
    lift = {"venue": SHORT, "symbol": "BTCUSDT", "bps": 70, "seconds": 30}
    ready.simulator.ask("/control/dislocate", "POST", lift)
    for venue in (LONG, SHORT):
        board().forget(venue, ["BTCUSDT"])
    return ready


def take(*symbols: str) -> str:
    return edge_take(symbols or ("BTCUSDT",), now=utc_now())


def test_a_crossed_quote_becomes_an_open_hedge_with_all_its_rows(crossed: Desk) -> None:
    assert take() == "opened"
    hedge, attempt, found = Hedge.objects.get(), HedgeAttempt.objects.get(), Opportunity.objects.get()
    assert (hedge.status, hedge.initiator) == ("open", "auto_hedge")
    assert (attempt.status, attempt.result, attempt.hedge_id) == ("done", "opened", hedge.pk)
    assert attempt.request["opportunity_id"] == str(found.pk)
    assert TaskState.objects.get(name="scanner").details["opportunity_id"] == str(found.pk)


def test_the_attempt_is_recorded_before_its_hedge(crossed: Desk) -> None:
    take()
    actions = list(AuditRecord.objects.order_by("seq").values_list("action", "status"))
    asked, journaled = actions.index(("hedge_auto_hedge", "requested")), actions.index(("hedge_journaled", "executed"))
    assert asked < journaled < actions.index(("hedge_auto_hedge", "executed"))


def test_with_auto_hedge_off_it_only_scans(crossed: Desk) -> None:
    ControlSettings.objects.update(auto_hedge_enabled=False)
    assert take() == "scanned"
    assert Opportunity.objects.count() == 1
    assert not Order.objects.exists()


def test_under_hold_nothing_is_taken(crossed: Desk) -> None:
    hold_engage(reason="test", source="test")
    assert take() == "scanned"
    assert Opportunity.objects.get().blocked_reason == "hold_active"
    assert not Order.objects.exists()


def test_a_hold_that_comes_after_the_figures_were_prepared_still_stops_it(crossed: Desk) -> None:
    decision_prepare(epoch=1, now=utc_now())
    hold_engage(reason="test", source="test")
    assert take() == "scanned"
    assert not Order.objects.exists()


def test_a_symbol_outside_the_universe_is_not_looked_at(crossed: Desk) -> None:
    UniverseEntry.objects.filter(symbol="BTCUSDT").update(allowed=False)
    assert take() == "scanned"
    assert not Opportunity.objects.exists()


@pytest.mark.parametrize(
    ("key", "answer", "found"), [(SCAN_LOCK, "busy", 0), (AUTO_HEDGE_LOCK, "scanned", 1)], ids=["scan", "auto_hedge"]
)
def test_work_that_runs_already_is_not_done_twice(crossed: Desk, key: int, answer: str, found: int) -> None:
    answers: list[str] = []

    def other() -> None:
        answers.append(take())
        connection.close()

    with only_one(key) as alone:
        assert alone
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert answers == [answer]
    assert Opportunity.objects.count() == found
    assert not Order.objects.exists()


def test_what_it_opened_is_not_in_the_prepared_figures_which_are_forgotten(crossed: Desk) -> None:
    decision_prepare(epoch=1, now=utc_now())
    assert take() == "opened"
    assert not looks._prepared


def test_the_trader_answers_a_knock(crossed: Desk, redis_client: redis.Redis) -> None:
    redis_client.delete(KNOCKS)
    board().knock(["BTCUSDT"])
    assert knock_answer(crossed.runtime) == "opened"


def test_a_standby_answers_no_knock(crossed: Desk, redis_client: redis.Redis) -> None:
    redis_client.delete(KNOCKS)
    board().knock(list(SYMBOLS))
    crossed.runtime.epoch = 0
    assert knock_answer(crossed.runtime) is None


def knock_once(symbols: list[str], quotes: list[Quote]) -> None:
    """From a loop, as the stream does."""

    async def once() -> None:
        knocker = Knocker()
        try:
            await knocker.knock(symbols, quotes)
        finally:
            await knocker.close()

    asyncio.run(once())


def test_the_streams_own_knock_brings_its_quotes_along(crossed: Desk) -> None:
    read = quotes_read(["BTCUSDT"], [LONG, SHORT]).quotes
    for venue in (LONG, SHORT):
        board().forget(venue, ["BTCUSDT"])
    knock_once(["BTCUSDT"], list(read.values()))
    assert board().quotes(["BTCUSDT"]) == read
    assert board().knocked(1) == ["BTCUSDT"]


def test_a_knock_without_redis_is_lost_and_says_so() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        with override_settings(REDIS_URL=url), pytest.raises(BoardUnavailableError):
            knock_once(["BTCUSDT"], [])
