"""Snapshots, scores, retention, and the first symbols of an installation."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from tests.trading.market import list_everywhere, put_marks, put_quotes
from tests.trading.rows import hedge_row
from trading.models import DailyPnl, Hedge, HedgeAttempt, Instrument, Opportunity, PnlSnapshot, UniverseEntry
from trading.services.housekeeping import pnl_snapshot, records_prune, universe_score

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
NOW = datetime.now(UTC)


def day_row(day: date, realized: str, *, simulated: bool = False) -> None:
    DailyPnl.objects.create(
        day=day, strategy="cross_exchange_arb", simulated=simulated, realized_usdt=D(realized),
        running_total_usdt=D(realized), running_peak_usdt=D(realized), max_drawdown_usdt=D(0),
    )  # fmt: skip


def test_a_snapshot_keeps_real_and_simulated_apart() -> None:
    hedge_row()
    hedge_row("partial", symbol="ETHUSDT")
    hedge_row(simulated=True)
    put_marks("88200")
    put_marks("88200", "ETHUSDT")
    day_row(NOW.date(), "3")
    day_row(NOW.date() - timedelta(days=1), "-1")
    day_row(NOW.date(), "99", simulated=True)
    pnl_snapshot(now=NOW)
    real, simulated = PnlSnapshot.objects.get(simulated=False), PnlSnapshot.objects.get(simulated=True)
    assert (real.open_hedges, real.partial_hedges, real.open_notional_usdt) == (2, 1, D(1760))
    assert (real.realized_today_usdt, real.realized_total_usdt) == (D(3), D(2))
    assert real.unrealized_usdt == D("8.8")
    assert real.per_venue == {"binance-um": "1760", "okx-perp": "1760"}
    assert (simulated.open_hedges, simulated.realized_total_usdt) == (1, D(99))


def test_a_snapshot_without_marks_does_not_invent_a_figure() -> None:
    hedge_row()
    pnl_snapshot(now=NOW)
    assert PnlSnapshot.objects.get(simulated=False).unrealized_usdt is None


def test_a_listed_symbol_enters_the_universe_scored_and_not_allowed() -> None:
    list_everywhere("BTCUSDT")
    UniverseEntry.objects.all().delete()
    put_quotes("5")
    assert universe_score(now=NOW) == 1
    entry = UniverseEntry.objects.get()
    assert (entry.allowed, entry.scored_at) == (False, NOW)
    assert entry.score is not None
    assert set(entry.score_parts) == {"presence", "volume", "depth", "spread"}


def test_without_quotes_the_score_is_unknown_and_an_allowance_is_kept() -> None:
    list_everywhere("BTCUSDT")
    universe_score(now=NOW)
    entry = UniverseEntry.objects.get()
    assert (entry.score, entry.allowed) == (None, True)


def test_old_opportunities_and_skips_go_and_what_became_a_hedge_stays() -> None:
    old = NOW - timedelta(days=8)
    common = {"kind": "auto_hedge", "initiator": "auto_hedge", "symbol": "BTCUSDT", "created_at": old, "not_after": old}
    HedgeAttempt.objects.create(**common, result="skipped", status="done")
    HedgeAttempt.objects.create(**common, result="opened", status="done", hedge=hedge_row())
    for created_at in (old, NOW):
        Opportunity.objects.create(
            symbol="BTCUSDT", strategy="cross_exchange_arb", long_venue="a", short_venue="b", spread=D(1),
            spread_bps=D(1), notional_suggestion=D(250), leverage_suggestion=D(1), status="allowed",
            created_at=created_at, expires_at=created_at,
        )  # fmt: skip
    assert records_prune(now=NOW) == {"opportunities": 1, "attempts": 1}
    assert HedgeAttempt.objects.get().result == "opened"
    assert Hedge.objects.count() == 1


def seed(*symbols: str) -> str:
    out = StringIO()
    call_command("seed_universe", *symbols, stdout=out)
    return out.getvalue()


def test_the_first_symbols_are_allowed_at_installation_and_recorded() -> None:
    assert "BTCUSDT, ETHUSDT" in seed("BTCUSDT", "ETHUSDT")
    assert UniverseEntry.objects.filter(allowed=True).count() == 2
    assert AuditRecord.objects.filter(action="seed_universe").count() == 2
    assert not Instrument.objects.exists()


def test_later_symbols_take_two_operators() -> None:
    seed("BTCUSDT")
    with pytest.raises(CommandError, match="two operators"):
        seed("ETHUSDT")
    assert UniverseEntry.objects.count() == 1


def test_in_the_simulator_what_operators_have_taken_out_stays_out(setting: Callable[..., None]) -> None:
    setting(PROFILE="simulator")
    seed("BTCUSDT")
    UniverseEntry.objects.update(allowed=False)
    assert "ETHUSDT" in seed("BTCUSDT", "ETHUSDT")
    assert not UniverseEntry.objects.get(symbol="BTCUSDT").allowed


def test_a_symbol_must_look_like_one() -> None:
    with pytest.raises(CommandError):
        seed("btc")
