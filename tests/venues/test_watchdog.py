"""The watchdog: rows from real calls, percentiles, breaches in a row, and figures that are unknown when unread."""

from datetime import timedelta
from decimal import Decimal

import pytest

from propbot.clock import utc_now
from trading.models import AccountSnapshot, VenueHealth
from trading.services import health
from trading.services.health import Watchdog, liquidation_distance, margin_ratio, venue_figures
from trading.venues.base import ClockSample, Preflight, VenueAccount, VenuePosition, VenueStatus
from trading.venues.wire import CallNote

pytestmark = pytest.mark.django_db


def call(**changes: object) -> CallNote:
    fields: dict[str, object] = {
        "venue": "okx-perp",
        "operation": "fetch",
        "ok": True,
        "answered": True,
        "throttled": False,
        "maintenance": False,
        "round_trip_ms": 10.0,
    }
    return CallNote(**(fields | changes))  # type: ignore[arg-type]


def position(**changes: object) -> VenuePosition:
    fields: dict[str, object] = {
        "symbol": "BTCUSDT",
        "quantity": Decimal(1),
        "entry_price": Decimal(100),
        "mark_price": Decimal(100),
        "liquidation_price": Decimal(80),
        "unrealized_pnl_usdt": Decimal(0),
    }
    return VenuePosition(**(fields | changes))  # type: ignore[arg-type]


def account(maintenance: Decimal | None = Decimal(10)) -> VenueAccount:
    return VenueAccount(Decimal(1000), Decimal(100), Decimal(900), maintenance, utc_now())


def written(watchdog: Watchdog) -> VenueHealth:
    watchdog.write(utc_now())
    return VenueHealth.objects.get(pk="okx-perp")


def test_real_calls_become_a_row_with_percentiles() -> None:
    watchdog = Watchdog()
    for milliseconds in range(1, 101):
        watchdog.note(call(round_trip_ms=float(milliseconds)))
    row = written(watchdog)
    assert row.reachable
    assert row.last_ok_at is not None
    assert row.rtt_ms_p50 == pytest.approx(50.5)
    assert row.rtt_ms_p95 == pytest.approx(95.05)


def test_silence_is_unreachable_and_names_no_address() -> None:
    watchdog = Watchdog()
    watchdog.note(call(ok=False, answered=False, code="RequestTimeout (TimeoutError)"))
    row = written(watchdog)
    assert row.reachable is False
    assert row.last_error == "fetch: RequestTimeout (TimeoutError)"
    watchdog.note(call())
    assert written(watchdog).reachable


def test_rate_limited_fades_by_itself() -> None:
    watchdog = Watchdog()
    watchdog.note(call(throttled=True))
    assert written(watchdog).rate_limited
    watchdog.write(utc_now() + timedelta(seconds=11))
    assert not VenueHealth.objects.get(pk="okx-perp").rate_limited


def test_clock_breaches_are_counted_in_a_row() -> None:
    watchdog = Watchdog()
    for skew, expected in ((250.0, 1), (-300.0, 2), (200.0, 0), (201.0, 1), (float("nan"), 2)):
        watchdog.note_clock("okx-perp", ClockSample(skew, 1.0, utc_now()))
        if skew == skew:
            assert written(watchdog).clock_breaches == expected
        assert watchdog._watches["okx-perp"].clock_breaches == expected


def test_maintenance_and_preflight_are_kept() -> None:
    watchdog = Watchdog()
    watchdog.note_status("okx-perp", VenueStatus(maintenance=True))
    watchdog.note_preflight("okx-perp", Preflight(False, ("the key may not trade",), {"may_trade": False}))
    row = written(watchdog)
    assert row.maintenance
    assert row.read_only
    assert row.preflight_ok is False
    assert row.preflight["problems"] == ["the key may not trade"]


def test_nothing_new_writes_nothing() -> None:
    watchdog = Watchdog()
    watchdog.note(call())
    first = written(watchdog).updated_at
    assert written(watchdog).updated_at == first


@pytest.mark.parametrize(
    ("maintenance", "equity", "expected"),
    [("10", "100", "0.1"), ("0", "0", "0"), ("5", "0", "1"), ("5", "-3", "1"), (None, "100", None)],
)
def test_the_margin_ratio_is_unknown_when_untold(maintenance: str | None, equity: str, expected: str | None) -> None:
    found = margin_ratio(None if maintenance is None else Decimal(maintenance), Decimal(equity))
    assert found == (None if expected is None else Decimal(expected))


def test_the_nearest_liquidation_counts() -> None:
    near = position(liquidation_price=Decimal(95))
    assert liquidation_distance([]) == 1
    assert liquidation_distance([position(), near]) == Decimal("0.05")
    assert liquidation_distance([position(liquidation_price=None)]) == 1
    assert liquidation_distance([position(mark_price=None)]) is None


def test_figures_are_unknown_until_read_and_again_when_old(monkeypatch: pytest.MonkeyPatch) -> None:
    watchdog = Watchdog()
    monkeypatch.setattr(health, "watchdog", watchdog)
    before = {figures.venue: figures for figures in venue_figures()}["okx-perp"]
    assert (before.reachable, before.margin_ratio, before.liquidation_distance) == (None, None, None)
    watchdog.note_margin("okx-perp", account(), [position()])
    after = {figures.venue: figures for figures in venue_figures()}["okx-perp"]
    assert (after.margin_ratio, after.liquidation_distance) == (Decimal("0.1"), Decimal("0.2"))
    assert watchdog.margin("okx-perp", utc_now() + timedelta(minutes=3)) is None


def test_another_process_reads_the_margin_from_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "watchdog", Watchdog())
    AccountSnapshot.objects.create(
        venue="okx-perp",
        at=utc_now(),
        wallet_usdt=Decimal(1000),
        equity_usdt=Decimal(1000),
        available_usdt=Decimal(900),
        maintenance_margin_usdt=Decimal(500),
    )
    found = {figures.venue: figures for figures in venue_figures()}["okx-perp"]
    assert found.margin_ratio == Decimal("0.5")
    assert found.liquidation_distance is None
