"""Which pair leads, and which candidate wins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading.candidates import Listing, Market, Terms, best, evaluate, holding_seconds, leaders, widest
from trading.sizing import Grid
from trading.spread import FundingTerms, Touch

D = Decimal
NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
GRID = Grid(D("0.01"), D("0.001"), D("0.001"))
TERMS = Terms(D(250), D(2), 3600, NOW)
VENUES = ("binance-um", "okx-perp")


def touch(venue: str, mid: str) -> Touch:
    return Touch(venue, ((D(mid), D(10)),), ((D(mid), D(10)),))


def listing(venue: str, symbol: str, fee: str | None = "5") -> Listing:
    funding = FundingTerms(D(0), D(8), NOW + timedelta(hours=5))
    return Listing(venue, symbol, GRID, None if fee is None else D(fee), funding, None)


def market(mids: dict[str, tuple[str, str]], **changes: object) -> Market:
    touches = {symbol: dict(zip(VENUES, map(touch, VENUES, pair), strict=True)) for symbol, pair in mids.items()}
    listings = {(venue, symbol): listing(venue, symbol) for symbol in mids for venue in VENUES}
    bases = {(symbol, *VENUES): D(5) for symbol in mids}
    return Market(touches, **{"listings": listings, "bases": bases, **changes})  # type: ignore[arg-type]


def winner(one: Market) -> str | None:
    found = best(one, leaders(one.touches, one.bases, list(one.touches)), TERMS)
    return found.symbol if found else None


def test_the_largest_net_edge_wins_and_not_the_widest_spread() -> None:
    wide = market({"AUSDT": ("100", "100.5"), "BUSDT": ("100", "100.3")}, bases={
        ("AUSDT", *VENUES): D(45), ("BUSDT", *VENUES): D(5),
    })  # fmt: skip
    assert winner(wide) == "BUSDT"


def test_a_pair_whose_basis_is_unknown_comes_after_every_known_one() -> None:
    some = market({"AUSDT": ("100", "101"), "BUSDT": ("100", "100.1")}, bases={("BUSDT", *VENUES): D(5)})
    assert winner(some) == "BUSDT"
    assert winner(market({"AUSDT": ("100", "101")}, bases={})) == "AUSDT"


def test_a_fee_that_is_not_known_leaves_the_edge_unknown_and_another_symbol_wins() -> None:
    one = market({"AUSDT": ("100", "101"), "BUSDT": ("100", "100.4")})
    listings = {**one.listings, ("okx-perp", "AUSDT"): listing("okx-perp", "AUSDT", None)}
    assert winner(Market(one.touches, listings, one.bases)) == "BUSDT"


def test_a_symbol_that_a_venue_does_not_list_is_no_candidate() -> None:
    one = market({"AUSDT": ("100", "101")})
    assert winner(Market(one.touches, {("okx-perp", "AUSDT"): listing("okx-perp", "AUSDT")}, one.bases)) is None


def test_without_quotes_there_is_no_candidate() -> None:
    assert winner(market({})) is None


def test_the_widest_pair_can_be_asked_among_some_venues_alone() -> None:
    one = market({"AUSDT": ("100", "101")})
    found = widest(one, "AUSDT")
    assert found is not None
    assert (found[0].venue, found[1].venue) == VENUES
    assert widest(one, "AUSDT", ("okx-perp",)) is None


def test_funding_is_counted_over_an_hour_at_most() -> None:
    assert [holding_seconds(value) for value in (None, 60, 7200)] == [3600, 60, 3600]


@given(low=st.decimals(min_value="1", max_value="1000", places=2), bps=st.integers(min_value=-200, max_value=200))
def test_both_directions_together_never_earn(low: Decimal, bps: int) -> None:
    one = market({"AUSDT": (str(low), str(low * (1 + D(bps) / 10_000)))})
    touches = one.touches["AUSDT"]
    edges = [evaluate(one, "AUSDT", touches[a], touches[b], TERMS).net_edge_bps for a, b in (VENUES, VENUES[::-1])]
    assert sum(edge for edge in edges if edge is not None) < 0
