"""Runaway guard, edge guard and entry blocks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from propbot.errors import RefusedError
from risk.choices import BlockSource
from risk.intents import ExecutionFigures, ExposureSnapshot
from risk.models import EntryBlock, Strategy
from risk.services.blocks import (
    entry_block_assert_none,
    entry_block_clean_round,
    entry_block_set,
    entry_block_touch,
    entry_blocks,
)
from risk.services.edge import edge_guard
from risk.services.runaway import runaway_check, runaway_state
from tests.risk.figures import Cast, Figures, the_desk, venue_figures

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)
BOTH = ["binance-um", "okx-perp"]


def test_the_last_order_of_the_limit_passes_and_the_next_engages_hold(cast: Cast, figures: Figures) -> None:
    cast.run_desk()
    figures.execution = ExecutionFigures(orders_last_minute=299)
    runaway_check(kind="order")
    figures.execution = ExecutionFigures(orders_last_minute=300)
    with pytest.raises(RefusedError) as refused:
        runaway_check(kind="order")
    assert (refused.value.code, refused.value.status) == ("runaway_limit", 423)
    assert the_desk().hold_source == "runaway_guard"


def test_cancels_have_a_limit_of_their_own(cast: Cast, figures: Figures) -> None:
    figures.execution = ExecutionFigures(cancels_last_minute=600)
    runaway_check(kind="order")
    with pytest.raises(RefusedError):
        runaway_check(kind="cancel")


def test_near_limit_shows_from_80_percent(figures: Figures) -> None:
    figures.execution = ExecutionFigures(orders_last_minute=239, cancels_last_minute=480)
    assert runaway_state().near_limit == ("max_cancels_per_min",)
    figures.execution = ExecutionFigures(orders_last_minute=240)
    assert runaway_state().near_limit == ("max_orders_per_min",)


@pytest.fixture
def running(cast: Cast, figures: Figures, setting: Callable[..., None]) -> Figures:
    setting(PROFILE="simulator", DRY_RUN_ONLY=False)
    cast.run_desk()
    return figures


FALLING = tuple(D(value) for value in (5, 4, 3, 2, 1))


def execution(**changes: Any) -> Callable[[Figures], None]:
    def change(figures: Figures) -> None:
        figures.execution = replace(ExecutionFigures(), **changes)

    return change


def partial_hedge(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=datetime.now(UTC), partial_hedges=1)


def heavy_and_falling(figures: Figures) -> None:
    figures.exposure = ExposureSnapshot(taken_at=datetime.now(UTC), total_notional_usdt=D(50000))
    figures.execution = ExecutionFigures(unrealized_trend=FALLING)


def poor(figures: Figures) -> None:
    figures.venues = [venue_figures("okx-perp", available_usdt=D(249))]


def unread_balance(figures: Figures) -> None:
    figures.venues = [venue_figures("okx-perp", available_usdt=None)]


def throttled(figures: Figures) -> None:
    Strategy.objects.update(throttled=True)


REFUSALS = [
    (partial_hedge, "partial hedges"),
    (execution(average_slippage_bps=D("5.01")), "average slippage"),
    (execution(failure_rate=D("0.41"), attempts_counted=5), "failure rate"),
    (heavy_and_falling, "unrealized PnL fell"),
    (poor, "free balance 249"),
    (unread_balance, "is not known"),
    (throttled, "throttled"),
]


@pytest.mark.parametrize(("change", "words"), REFUSALS)
def test_the_edge_guard_refuses_with_its_reason(
    running: Figures, change: Callable[[Figures], None], words: str
) -> None:
    assert edge_guard().allowed
    change(running)
    decision = edge_guard()
    assert not decision.allowed
    assert words in decision.reason


@pytest.mark.parametrize(
    "change",
    [
        execution(average_slippage_bps=D(5)),
        execution(failure_rate=D("0.4"), attempts_counted=5),
        execution(failure_rate=D(1), attempts_counted=4),
        execution(unrealized_trend=FALLING),
        execution(unrealized_trend=FALLING[1:]),
    ],
)
def test_at_its_ceilings_it_still_allows(running: Figures, change: Callable[[Figures], None]) -> None:
    change(running)
    assert edge_guard().allowed


def test_under_hold_it_refuses(figures: Figures) -> None:
    assert edge_guard().reason == "HOLD is active"


def test_a_block_refuses_entries_and_lifts_after_two_clean_rounds(figures: Figures) -> None:
    entry_block_set(source=BlockSource.RECONCILIATION, symbol="BTCUSDT", reason="positions differ")
    entry_block_assert_none(symbol="ETHUSDT", venues=BOTH)
    with pytest.raises(RefusedError) as refused:
        entry_block_assert_none(symbol="BTCUSDT", venues=BOTH)
    assert (refused.value.code, refused.value.status) == ("blocked", 423)
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert entry_block_clean_round(started_at=later) == 0
    assert entry_block_clean_round(started_at=later) == 1
    entry_block_assert_none(symbol="BTCUSDT", venues=BOTH)


def test_a_cause_seen_again_begins_the_count_anew(figures: Figures) -> None:
    entry_block_set(source=BlockSource.WATCHDOG, venue="okx-perp", reason="dark")
    later = datetime.now(UTC) + timedelta(seconds=1)
    entry_block_clean_round(started_at=later)
    assert entry_block_touch(source=BlockSource.WATCHDOG, venue="okx-perp")
    assert entry_block_clean_round(started_at=later) == 0
    assert entry_blocks().get().clean_rounds == 1


def test_a_round_that_began_before_the_block_does_not_count(figures: Figures) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    entry_block_set(source=BlockSource.ENGINE, symbol="BTCUSDT", venue="okx-perp", reason="r")
    entry_block_set(source=BlockSource.ENGINE, symbol="BTCUSDT", venue="okx-perp", reason="r")
    assert EntryBlock.objects.count() == 1
    entry_block_clean_round(started_at=before)
    assert entry_blocks().get().clean_rounds == 0


def test_an_unproven_order_is_called_quarantined(figures: Figures) -> None:
    entry_block_set(source=BlockSource.QUARANTINE, symbol="BTCUSDT", reason="no proof yet")
    with pytest.raises(RefusedError) as refused:
        entry_block_assert_none(symbol="BTCUSDT", venues=BOTH)
    assert refused.value.code == "quarantined"


def test_a_venues_block_holds_for_every_symbol_there(figures: Figures) -> None:
    entry_block_set(source=BlockSource.OPERATOR, venue="okx-perp", reason="announced work")
    with pytest.raises(RefusedError):
        entry_block_assert_none(symbol="BTCUSDT", venues=BOTH)
    entry_block_assert_none(symbol="BTCUSDT", venues=["binance-um", "bybit"])
