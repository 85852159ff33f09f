"""The order of checks, each with its own code, against the real simulator."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from propbot.clock import utc_now
from risk.models import DeskState, RiskSkip
from risk.services.blocks import entry_block_set
from risk.services.hold import hold_engage
from tests.engine.desk import LONG, SHORT, SYMBOLS, Desk
from tests.risk.conftest import Figures
from tests.trading.market import grown_basis
from trading.choices import AttemptKind
from trading.entry_types import Answer, EntryRequest
from trading.models import Hedge, HedgeAttempt, Instrument, Order, UniverseEntry
from trading.quotes import board
from trading.services.attempts import attempt_claim, attempt_create, attempt_perform
from trading.venues.base import Quote
from trading.venues.ccxt_client import CcxtClient

D = Decimal
Enter = Callable[..., Answer]


@pytest.fixture
def ready(desk: Desk, figures: Figures) -> Desk:
    """A running desk whose market is known: bases, funding and an allowed universe."""
    for symbol in SYMBOLS:
        UniverseEntry.objects.create(symbol=symbol, allowed=True, changed_at=utc_now())
        grown_basis("5", symbol)
    Instrument.objects.update(
        funding_rate=D("0.00001"), funding_interval_hours=D(8), next_funding_at=utc_now() + timedelta(hours=5)
    )
    return desk


@pytest.fixture
def enter(ready: Desk) -> Iterator[Enter]:
    """One attempt, committed, claimed and run as the trader does it."""

    def run(**changes: Any) -> Answer:
        standard = EntryRequest(
            kind=AttemptKind.EXECUTE,
            symbol="BTCUSDT",
            notional_usdt=D(300),
            leverage=D(1),
            strategy="cross_exchange_arb",
            min_spread_bps=D(0),
            initiator="alice",
        )
        attempt = attempt_create(request=replace(standard, **changes))
        claimed = attempt_claim(attempt_id=attempt.pk, epoch=ready.runtime.epoch)
        assert claimed is not None
        return attempt_perform(claimed)

    return run


def dislocate(desk: Desk, symbol: str, bps: int = 60, venue: str = SHORT) -> None:
    """Lift one venue, and take its quote off the board: no stream runs here that would replace it."""
    desk.simulator.ask("/control/dislocate", "POST", {"venue": venue, "symbol": symbol, "bps": bps, "seconds": 20})
    for each in (LONG, SHORT):
        board().forget(each, [symbol])


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.body["detail"]["error"] == answer.body["error"] == answer.reason
    return answer.status_code, answer.reason


def test_an_entry_opens_two_equal_legs_and_is_logged(ready: Desk, enter: Enter) -> None:
    answer = enter()
    assert (answer.status_code, answer.body["status"]) == (200, "open"), answer.body
    assert [leg["base_size"] for leg in answer.body["legs"]] == [answer.body["position"]["base_size"]] * 2
    attempt = HedgeAttempt.objects.get()
    assert (attempt.status, attempt.result, attempt.simulated) == ("done", "opened", False)
    assert attempt.hedge_id == Hedge.objects.get().pk
    assert attempt.timings
    assert ready.net() == 0


def test_in_dry_run_the_hedge_is_simulated_and_no_order_leaves(ready: Desk, enter: Enter) -> None:
    DeskState.objects.update(dry_run=True)
    before = len(ready.simulator.orders())
    answer = enter()
    assert answer.body["status"] == "simulated", answer.body
    assert (answer.body["simulated"], answer.simulated) == (True, True)
    assert len(ready.simulator.orders()) == before


def test_an_entry_under_hold_is_refused_before_anything_else(enter: Enter) -> None:
    hold_engage(reason="test", source="test")
    assert refused(enter(symbol="NOSUCHUSDT", notional_usdt=D(10**9))) == (423, "hold_active")


def test_a_trader_that_was_succeeded_is_refused(ready: Desk, enter: Enter) -> None:
    DeskState.objects.update(trader_epoch=2)
    ready.runtime.epoch = 1
    assert refused(enter()) == (423, "fenced")


def test_before_two_clean_rounds_it_is_reconciling(enter: Enter, figures: Figures) -> None:
    figures.clean_rounds = 1
    assert refused(enter()) == (423, "reconciling")


def test_a_request_that_is_too_large_names_the_cap_before_the_universe_is_asked(enter: Enter) -> None:
    answer = enter(symbol="NOSUCHUSDT", notional_usdt=D(25_001))
    assert refused(answer) == (400, "limit_exceeded")
    assert answer.body["cap"] == "max_notional_per_position_usdt"


def test_a_leverage_above_the_limit_names_the_cap(enter: Enter) -> None:
    answer = enter(leverage=D("5.01"))
    assert refused(answer) == (400, "limit_exceeded")
    assert answer.body["cap"] == "max_leverage"


@pytest.mark.parametrize("factor", [1000, 10**6])
def test_a_fat_finger_is_refused(enter: Enter, factor: int) -> None:
    assert refused(enter(notional_usdt=D(250) * factor)) == (400, "limit_exceeded")


def test_a_symbol_outside_the_universe_is_refused(enter: Enter) -> None:
    assert refused(enter(symbol="XRPUSDT")) == (400, "symbol_not_allowed")


def test_a_block_of_a_venue_refuses(enter: Enter) -> None:
    entry_block_set(source="operator", reason="test", venue=SHORT)
    assert refused(enter()) == (423, "blocked")


def test_an_unproven_order_of_the_symbol_refuses(enter: Enter) -> None:
    answer = enter()
    Hedge.objects.filter(pk=answer.hedge_id).update(status="unresolved")
    assert refused(enter()) == (423, "quarantined")


def test_too_many_orders_in_a_minute_refuse_and_stop_the_desk(enter: Enter, figures: Figures) -> None:
    figures.execution = replace(figures.execution, orders_last_minute=300)
    assert refused(enter()) == (423, "runaway_limit")
    assert DeskState.objects.get().hold_active


def test_a_spread_below_the_threshold_is_refused_with_what_was_found(enter: Enter) -> None:
    answer = enter(min_spread_bps=D(500))
    assert refused(answer) == (400, "spread_below_threshold")
    assert D(answer.body["spread_bps"]) < 500
    assert refused(enter(min_spread_bps=None, min_spread=D(10_000))) == (400, "spread_below_threshold")


def test_where_the_desk_must_earn_the_net_edge_decides(ready: Desk, enter: Enter) -> None:
    assert refused(enter(symbol="ETHUSDT", min_net_edge_bps=D(0))) == (400, "spread_below_threshold")
    dislocate(ready, "ETHUSDT")
    assert enter(symbol="ETHUSDT", min_net_edge_bps=D(0)).body["status"] == "open"


def test_an_unknown_net_edge_is_not_enough(ready: Desk, enter: Enter) -> None:
    Instrument.objects.filter(venue=SHORT).update(taker_fee_bps=None)
    dislocate(ready, "SOLUSDT")
    answer = enter(symbol="SOLUSDT", min_net_edge_bps=D(0))
    assert refused(answer) == (400, "spread_below_threshold")
    assert "fees" in answer.body["message"]


def test_a_notional_below_the_venues_minimum_tells_the_minimum(enter: Enter) -> None:
    answer = enter(notional_usdt=D(20))
    assert refused(answer) == (400, "below_minimum")
    assert D(answer.body["minimum_usdt"]) > 20


def test_a_venue_that_cannot_be_asked_is_unavailable(ready: Desk, enter: Enter) -> None:
    ready.simulator.fault(SHORT, "http_status", times=20, status=503)
    assert refused(enter()) == (503, "venue_unavailable")


def test_quotes_that_cannot_be_believed_are_refused_and_named(ready: Desk, enter: Enter) -> None:
    ready.simulator.fault(SHORT, "crossed_book", times=50)
    answer = enter()
    assert refused(answer) == (400, "stale_quote")
    assert answer.body["quotes"] == {SHORT: "crossed"}


def test_a_cap_answers_200_skipped_with_its_name_and_a_row(
    enter: Enter, figures: Figures, setting: Callable[..., None]
) -> None:
    setting(RISK_CHECKS_ENABLED=True, RISK_ENFORCE_CAPS=True)
    figures.exposure = replace(figures.exposure, open_hedges=3)
    answer = enter()
    assert answer.status_code == 200
    assert answer.body["status"] == "skipped"
    assert answer.body["state"] == "SKIPPED_BY_RISK"
    assert (answer.body["reason"], answer.body["cap"]) == ("caps_exceeded", "max_open_positions")
    assert RiskSkip.objects.get().reason == "caps_exceeded"
    assert not Order.objects.exists()


def test_with_the_flags_off_the_same_cap_is_a_limit(enter: Enter, figures: Figures) -> None:
    figures.exposure = replace(figures.exposure, open_hedges=3)
    answer = enter()
    assert refused(answer) == (400, "limit_exceeded")
    assert answer.body["cap"] == "max_open_positions"


def test_a_partial_hedge_makes_the_edge_guard_skip(enter: Enter, figures: Figures) -> None:
    figures.exposure = replace(figures.exposure, partial_hedges=1)
    answer = enter()
    assert (answer.status_code, answer.body["status"], answer.body["reason"]) == (200, "skipped", "other_risk")
    assert answer.body["detail"]


def test_every_refusal_is_a_row_of_the_hedge_log(enter: Enter) -> None:
    enter(min_spread_bps=D(500))
    attempt = HedgeAttempt.objects.get()
    assert (attempt.result, attempt.reason, attempt.initiator) == ("refused", "spread_below_threshold", "alice")
    assert attempt.answer["status_code"] == 400


def test_a_size_beyond_the_touch_is_priced_from_the_books(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    original = CcxtClient.fetch_book

    async def counted(self: CcxtClient, symbol: str, depth: int) -> object:
        asked.append(depth)
        return await original(self, symbol, depth)

    monkeypatch.setattr(CcxtClient, "fetch_book", counted)
    enter(notional_usdt=D(300))
    assert asked == []
    Instrument.objects.update(max_quantity=None)
    thin = {venue: thin_quote(venue) for venue in (LONG, SHORT)}
    board().put(thin.values())
    answer = enter(notional_usdt=D(20_000))
    assert asked == [20, 20]
    costs = Hedge.objects.get(pk=answer.hedge_id).decision if answer.hedge_id else {}
    assert answer.status_code == 200, (answer.body, costs)


def thin_quote(venue: str) -> Quote:
    fresh = board().quotes(["BTCUSDT"])[(venue, "BTCUSDT")]
    return replace(fresh, bid_quantity=D("0.001"), ask_quantity=D("0.001"), received_at=utc_now(), venue_at=utc_now())
