"""Sampling the standing basis from the real board into the database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.trading.market import list_everywhere, put_quotes, samples_of
from trading.basis import standing_table
from trading.models import BasisSample, StandingBasis
from trading.selectors.market import basis_estimates, basis_table
from trading.services.basis_sampling import basis_prune, basis_sample

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
KEY = ("BTCUSDT", "binance-um", "okx-perp")
# The start of a slot of ten seconds, so that every offset below is a slot of its own.
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)


def sample_at(seconds: int, basis_bps: str = "5", symbols: tuple[str, ...] = ("BTCUSDT",)) -> None:
    at = START + timedelta(seconds=seconds)
    put_quotes(basis_bps, at=at, symbols=symbols)
    basis_sample(now=at)


def test_a_young_pair_is_sampled_once_per_second_however_often_it_is_asked() -> None:
    list_everywhere("BTCUSDT")
    for second in (0, 0, 1, 1, 2):
        sample_at(second)
    assert len(samples_of()) == 3
    assert all(abs(value - 5) < D("0.01") for value in samples_of())


def test_ten_seconds_after_the_start_there_is_a_basis_that_its_peers_confirm() -> None:
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    list_everywhere(*symbols)
    for second in range(9):
        sample_at(second, symbols=symbols)
    assert basis_table() == {}
    sample_at(9, symbols=symbols)
    assert basis_table()[KEY] == pytest.approx(D(5), abs=D("0.01"))


def test_a_desk_that_starts_inside_a_dislocation_does_not_learn_it_as_normal() -> None:
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    list_everywhere(*symbols)
    for second in range(20):
        put_quotes("5", at=START + timedelta(seconds=second), symbols=symbols[1:])
        sample_at(second, "60")
    assert KEY not in basis_table()
    assert ("ETHUSDT", *KEY[1:]) in basis_table()


def test_a_dislocation_does_not_pull_a_grown_basis() -> None:
    list_everywhere("BTCUSDT")
    for second in range(60):
        sample_at(second, "60" if 30 <= second < 52 else "5")
    estimate = basis_estimates()[KEY]
    assert estimate.median_bps == pytest.approx(D(5), abs=D("0.01"))
    assert estimate.samples == 60


def test_a_grown_pair_is_sampled_every_ten_seconds_and_only_such_samples_count() -> None:
    list_everywhere("BTCUSDT")
    BasisSample.objects.bulk_create(
        BasisSample(symbol=KEY[0], venue_a=KEY[1], venue_b=KEY[2], basis_bps=D(5), at=START + timedelta(seconds=second))
        for second in range(601)
    )
    for second in (600, 601, 605, 610, 611):
        sample_at(second)
    assert len(samples_of()) == 601 + 1
    assert basis_estimates()[KEY].samples == 62


def test_refused_quotes_are_not_sampled() -> None:
    list_everywhere("BTCUSDT")
    put_quotes("5", at=START)
    assert basis_sample(now=START + timedelta(seconds=30)) == 0
    assert samples_of() == []


def test_a_pair_that_left_the_window_has_no_basis() -> None:
    list_everywhere("BTCUSDT")
    for second in range(12):
        sample_at(second)
    assert StandingBasis.objects.count() == 1
    basis_sample(now=START + timedelta(minutes=70))
    assert StandingBasis.objects.count() == 0


def test_old_samples_are_forgotten() -> None:
    list_everywhere("BTCUSDT")
    sample_at(0)
    assert basis_prune(now=START + timedelta(days=8)) == 1
    assert standing_table({}) == {}
