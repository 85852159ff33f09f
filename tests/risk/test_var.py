"""Value at risk and stress of the open book: by hand, and over samples of the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from risk.reports.snapshot import var_payload
from risk.var import BookLine, concentration, historical_var, stress_table, var_table
from tests.risk.figures import Figures
from trading.models import BasisSample
from trading.services.book import basis_series, changes

D = Decimal


def line(symbol: str = "BTCUSDT", notional: str = "10000", **changed: object) -> BookLine:
    moves = [D(number) for number in range(1, 101)]
    standard = {
        "symbol": symbol,
        "notional_usdt": D(notional),
        "net_base_usdt": D(100),
        "venues": ("binance-um", "okx-perp"),
        "changes": {"1h": moves, "1d": moves[:50]},
        "funding_usdt_per_day": D(-2),
    }
    return BookLine(**{**standard, **changed})


def test_the_quantile_is_an_observed_loss() -> None:
    moves = [D(number) for number in range(1, 101)]
    assert historical_var(moves, D(10000), 95) == D(95)
    assert historical_var(moves, D(10000), 99) == D(99)


def test_too_short_a_history_has_no_figure_and_makes_the_total_unknown() -> None:
    table = var_table([line(), line("ETHUSDT")])
    assert table["total"] == {"1h_95": D(190), "1h_99": D(198), "1d_95": None, "1d_99": None}


def test_two_pairs_of_one_symbol_add_up() -> None:
    per_symbol = var_table([line(), line()])["per_symbol"]
    assert per_symbol["BTCUSDT"]["1h_95"] == D(190)


def test_stress_moves_only_what_is_not_matched_and_strands_a_venues_legs() -> None:
    table = stress_table([line()])
    assert table["price_-10pct"] == D(-10)
    assert table["price_+5pct"] == D(5)
    assert table["okx-perp_down_5pct"] == D(-500)
    assert table["funding_x3_per_day"] == D(-6)


def test_an_unknown_funding_rate_is_unknown_and_income_is_no_cost() -> None:
    assert stress_table([line(funding_usdt_per_day=None)])["funding_x3_per_day"] is None
    assert stress_table([line(funding_usdt_per_day=D(5))])["funding_x3_per_day"] == 0


def test_concentration_is_the_largest_symbols_share() -> None:
    assert concentration([line(), line("ETHUSDT", "30000")]) == D("0.75")
    assert concentration([]) is None


@pytest.mark.django_db
def test_the_moves_come_from_the_samples_of_the_basis() -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    BasisSample.objects.bulk_create(
        BasisSample(
            symbol="BTCUSDT",
            venue_a="binance-um",
            venue_b="okx-perp",
            basis_bps=D(number),
            at=now - timedelta(minutes=5 * (20 - number)),
        )
        for number in range(1, 20)
    )
    series = basis_series("BTCUSDT", ("okx-perp", "binance-um"), now)
    assert len(series) == 19
    assert changes(series, 3600) == [D(12)] * 7
    assert changes(series, 86400) == []


@pytest.mark.django_db
def test_without_a_history_the_snapshot_says_so(figures: Figures) -> None:
    assert var_payload(datetime.now(UTC))["available"] is False
