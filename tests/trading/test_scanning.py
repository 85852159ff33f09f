"""The scan: what it finds, what it calls allowed, and why not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from risk.services.blocks import entry_block_set
from risk.services.hold import hold_engage
from tests.risk.conftest import Figures
from tests.trading.market import grown_basis, list_everywhere, put_quotes, quote, unsaved_instrument
from trading.models import Instrument, Opportunity, StandingBasis, TaskState, UniverseEntry
from trading.quotes import board
from trading.selectors.opportunities import opportunity_payload
from trading.services.scanning import scan
from trading.services.single import SCAN_LOCK, only_one

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
RunDesk = Callable[[], None]


@pytest.fixture
def market() -> None:
    list_everywhere("BTCUSDT")
    grown_basis("5")


def now() -> datetime:
    return datetime.now(UTC)


def found() -> Opportunity:
    result = scan(now=now())
    assert result is not None
    assert result.opportunity_id is not None, result
    return Opportunity.objects.get(pk=result.opportunity_id)


def test_a_dislocation_beyond_all_costs_is_an_allowed_opportunity(market: None, run_desk: RunDesk) -> None:
    run_desk()
    put_quotes("60")
    opportunity = found()
    assert (opportunity.status, opportunity.blocked_reason) == ("allowed", "")
    assert (opportunity.long_venue, opportunity.short_venue) == ("binance-um", "okx-perp")
    assert opportunity.net_edge_bps == pytest.approx(D("34.9"), abs=D("0.2"))
    parts = [Decimal(value) for value in opportunity.costs.values()]
    assert opportunity.spread_bps - sum(parts) == opportunity.net_edge_bps


def test_the_standing_basis_alone_is_no_edge(market: None, run_desk: RunDesk) -> None:
    run_desk()
    put_quotes("5")
    opportunity = found()
    assert opportunity.net_edge_bps < 0
    assert (opportunity.status, opportunity.blocked_reason) == ("blocked_by_risk", "net_edge_below_minimum")


def test_the_other_direction_is_found_when_the_dear_venue_falls(market: None, run_desk: RunDesk) -> None:
    run_desk()
    put_quotes("-50")
    opportunity = found()
    assert (opportunity.long_venue, opportunity.short_venue) == ("okx-perp", "binance-um")
    assert opportunity.status == "allowed"


def test_under_hold_the_opportunity_is_blocked_with_that_reason(market: None, figures: Figures) -> None:
    put_quotes("60")
    opportunity = found()
    assert (opportunity.status, opportunity.blocked_reason) == ("blocked_by_risk", "hold_active")


def test_a_hold_after_the_scan_blocks_what_the_api_shows_at_once(market: None, run_desk: RunDesk) -> None:
    run_desk()
    put_quotes("60")
    found()
    assert opportunity_payload()["status"] == "allowed"
    hold_engage(reason="test", source="test")
    shown = opportunity_payload()
    assert (shown["status"], shown["blocked_reason"]) == ("blocked_by_risk", "hold_active")


def test_before_two_clean_rounds_it_is_blocked_as_reconciling(
    market: None, run_desk: RunDesk, figures: Figures
) -> None:
    run_desk()
    figures.clean_rounds = 1
    put_quotes("60")
    assert found().blocked_reason == "reconciling"


def test_an_entry_block_of_the_symbol_blocks_it(market: None, run_desk: RunDesk) -> None:
    run_desk()
    entry_block_set(source="operator", reason="test", symbol="BTCUSDT")
    put_quotes("60")
    assert found().blocked_reason == "blocked"


def test_without_a_standing_basis_nothing_is_allowed(run_desk: RunDesk) -> None:
    list_everywhere("BTCUSDT")
    run_desk()
    put_quotes("60")
    opportunity = found()
    assert opportunity.net_edge_bps is None
    assert opportunity.blocked_reason == "no_basis"


@pytest.mark.parametrize(
    ("column", "reason"),
    [("taker_fee_bps", "no_fees"), ("funding_rate", "no_funding"), ("next_funding_at", "no_funding")],
)
def test_an_unknown_cost_is_named_and_blocks(market: None, run_desk: RunDesk, column: str, reason: str) -> None:
    Instrument.objects.filter(venue="okx-perp").update(**{column: None})
    run_desk()
    put_quotes("60")
    opportunity = found()
    assert opportunity.net_edge_bps is None
    assert opportunity.blocked_reason == reason


def test_stale_quotes_make_no_opportunity_and_are_counted(market: None, run_desk: RunDesk) -> None:
    run_desk()
    put_quotes("60", at=now() - timedelta(seconds=10))
    result = scan(now=now())
    assert result is not None
    assert (result.opportunity_id, result.blocked_reason) == (None, "stale_quote")
    assert result.refused_quotes == {"stale": 2}
    assert opportunity_payload() == {
        "opportunity": None,
        "status": "blocked_by_risk",
        "blocked_reason": "stale_quote",
    }


def test_a_symbol_that_is_not_allowed_is_not_scanned(market: None, run_desk: RunDesk) -> None:
    run_desk()
    UniverseEntry.objects.update(allowed=False)
    put_quotes("60")
    result = scan(now=now())
    assert result is not None
    assert result.blocked_reason == "no_symbol_allowed"


def test_only_one_scan_runs_at_a_time(market: None, figures: Figures) -> None:
    import threading

    from django.db import connection

    answers = []

    def other() -> None:
        answers.append(scan(now=now()))
        connection.close()

    with only_one(SCAN_LOCK) as alone:
        assert alone
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert answers == [None]


def test_the_scanner_leaves_a_heartbeat(market: None, figures: Figures) -> None:
    put_quotes("5")
    at = now()
    scan(now=at)
    assert TaskState.objects.get(name="scanner").ran_at == at


def test_the_best_of_several_symbols_wins(run_desk: RunDesk) -> None:
    list_everywhere("BTCUSDT", "ETHUSDT", "SOLUSDT")
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        grown_basis("5", symbol)
    run_desk()
    put_quotes("5", symbols=("BTCUSDT", "SOLUSDT"))
    put_quotes("40", symbols=("ETHUSDT",))
    assert found().symbol == "ETHUSDT"


def test_a_scan_asks_the_database_no_more_for_five_hundred_symbols(figures: Figures) -> None:
    """Its cost in processor time is the benchmark's subject."""
    symbols = [f"S{number:03d}USDT" for number in range(500)]
    list_with_basis(symbols[:5])
    few = statements_of_a_scan(symbols[:5])
    list_with_basis(symbols[5:])
    assert statements_of_a_scan(symbols) <= few


def list_with_basis(symbols: list[str]) -> None:
    at = now()
    for venue in ("binance-um", "okx-perp"):
        Instrument.objects.bulk_create([unsaved_instrument(venue, symbol) for symbol in symbols])
    UniverseEntry.objects.bulk_create([UniverseEntry(symbol=symbol, allowed=True) for symbol in symbols])
    StandingBasis.objects.bulk_create(
        [
            StandingBasis(
                symbol=symbol, venue_a="binance-um", venue_b="okx-perp", median_bps=D(5), samples=360,
                first_at=at - timedelta(hours=1), last_at=at,
            )
            for symbol in symbols
        ]
    )  # fmt: skip


def statements_of_a_scan(symbols: list[str]) -> int:
    board().put([quote(venue, symbol, D(100)) for symbol in symbols for venue in ("binance-um", "okx-perp")])
    scan(now=now())  # the first one reads what is then prepared
    with CaptureQueriesContext(connection) as queries:
        result = scan(now=now())
    assert result is not None
    assert result.symbols == len(symbols)
    return len(queries)
