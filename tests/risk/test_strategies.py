"""The plugin interface carries a second strategy: it proposes, the same gate and engine trade, two people enable it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from propbot.clock import utc_now
from risk import registry
from risk.models import ControlSettings, Strategy
from risk.selectors import control_row
from risk.services import strategies as service
from tests.engine.conftest import desk as desk
from tests.engine.conftest import shared as shared
from tests.engine.conftest import simulator as simulator
from tests.engine.desk import LONG, SHORT, SYMBOLS, Desk
from tests.risk.figures import Cast, Figures
from tests.trading.market import grown_basis
from trading.candidates import Listing
from trading.exit_rules import ExitFacts, ExitRules
from trading.models import Hedge, Instrument, Opportunity, UniverseEntry
from trading.services.auto_hedge import auto_hedge_step
from trading.services.exits import exits_due
from trading.services.scanning import scan
from trading.sizing import Grid
from trading.spread import FundingTerms, Touch
from trading.strategies.base import MarketView
from trading.strategies.funding_rate_arb import DAY_SECONDS, FundingRateArb

D = Decimal
NAME = "funding_rate_arb"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GRID = Grid(D("0.1"), D("0.001"), D("0.001"), None, D(5))


def listing(venue: str, rate: str | None) -> Listing:
    terms = None if rate is None else FundingTerms(D(rate), D(8), NOW + timedelta(hours=4))
    return Listing(venue, "BTCUSDT", GRID, D(5), terms, None)


def view(long_rate: str | None, short_rate: str | None) -> MarketView:
    touches = {
        "BTCUSDT": {
            venue: Touch(venue, ((D(100), D(5)),), ((D("100.1"), D(5)),)) for venue in ("binance-um", "okx-perp")
        }
    }
    listed = {
        ("binance-um", "BTCUSDT"): listing("binance-um", long_rate),
        ("okx-perp", "BTCUSDT"): listing("okx-perp", short_rate),
    }
    return MarketView(["BTCUSDT"], touches, {}, lambda symbols: listed, NOW)


def test_it_goes_short_where_longs_pay_more() -> None:
    ((symbol, long, short),) = FundingRateArb().propose(view("0.0001", "0.0005"))
    assert (symbol, long.venue, short.venue) == ("BTCUSDT", "binance-um", "okx-perp")
    ((_, long, short),) = FundingRateArb().propose(view("0.0005", "-0.0001"))
    assert (long.venue, short.venue) == ("okx-perp", "binance-um")


def test_equal_or_unknown_rates_propose_nothing() -> None:
    assert FundingRateArb().propose(view("0.0001", "0.0001")) == []
    assert FundingRateArb().propose(view("0.0001", None)) == []


def exit_reason(*, hours: float = 1, funding: str | None = "-3", longest: int | None = None) -> str | None:
    facts = ExitFacts(
        opened_at=NOW - timedelta(hours=hours),
        entry_spread_bps=D(0),
        exit_spread_bps=D(0),
        mid_spread_bps=D(5),
        standing_basis_bps=D(5),
        funding_bps=None if funding is None else D(funding),
    )
    return FundingRateArb().exit_reason(facts, ExitRules(D(1), None, longest), now=NOW)


def test_it_leaves_after_its_day_or_when_it_would_pay_and_not_because_the_spread_has_converged() -> None:
    assert exit_reason() is None
    assert exit_reason(funding="0") is None
    assert exit_reason(funding=None) is None
    assert exit_reason(funding="0.1") == "funding_against"
    assert exit_reason(hours=24) == "max_holding"
    assert exit_reason(hours=2, longest=3600) == "max_holding"
    assert (FundingRateArb().holding_seconds(None), FundingRateArb().holding_seconds(60)) == (DAY_SECONDS, 60)


@pytest.mark.django_db
def test_every_strategy_has_a_proposer_and_the_second_one_starts_disabled(figures: Figures) -> None:
    assert registry.strategy_names() == ("cross_exchange_arb", NAME)
    assert [one.name for one in registry.proposers()] == list(registry.strategy_names())
    assert [(row.name, row.enabled) for row in service.strategies_all()] == [
        ("cross_exchange_arb", True),
        (NAME, False),
    ]
    assert service.strategies_live() == ["cross_exchange_arb"]


@pytest.fixture
def ready(desk: Desk, figures: Figures) -> Desk:
    for symbol in SYMBOLS:
        UniverseEntry.objects.create(symbol=symbol, allowed=True, changed_at=utc_now())
        grown_basis("5", symbol)
    rates(long="-0.002", short="0.002")
    control_row()
    ControlSettings.objects.update(auto_hedge_enabled=True)
    return desk


def rates(*, long: str, short: str) -> None:
    for venue, rate in ((LONG, long), (SHORT, short)):
        rows = Instrument.objects.filter(venue=venue)
        soon = utc_now() + timedelta(hours=5)  # beyond the hour that the first strategy holds
        rows.update(funding_rate=D(rate), funding_interval_hours=D(8), next_funding_at=soon)


def newest() -> Opportunity:
    scan(now=utc_now())
    return Opportunity.objects.order_by("-created_at")[0]


@pytest.mark.django_db(transaction=True)
def test_disabled_it_proposes_nothing_and_enabled_by_two_people_its_hedge_opens_and_leaves_by_its_own_rule(
    ready: Desk, cast: Cast, setting: Callable[..., None]
) -> None:
    before = newest()
    assert (before.strategy, before.status) == ("cross_exchange_arb", "blocked_by_risk")
    assert auto_hedge_step(now=utc_now()) == "no_allowed_opportunity"

    with cast.acting("alice"):
        request = service.strategy_enable_request(name=NAME, reason="funding has parted")
    assert request is not None
    assert not Strategy.objects.get(name=NAME).enabled
    cast.approve("bob", request)

    found = newest()
    assert (found.strategy, found.status, found.blocked_reason) == (NAME, "allowed", "")
    assert (found.long_venue, found.short_venue) == (LONG, SHORT)
    assert auto_hedge_step(now=utc_now()) == "opened"
    hedge = Hedge.objects.get()
    assert (hedge.strategy, hedge.status) == (NAME, "open")
    assert ready.net(hedge.symbol) == 0

    assert exits_due(now=utc_now()) == []  # the spread stands at its basis: for the other strategy a reason to leave
    rates(long="0.002", short="-0.002")
    assert [(one.pk, reason) for one, reason in exits_due(now=utc_now())] == [(hedge.pk, "funding_against")]


@pytest.mark.django_db(transaction=True)
def test_a_frozen_second_strategy_is_silent_again(ready: Desk, cast: Cast) -> None:
    Strategy.objects.filter(name=NAME).update(enabled=True)
    assert newest().strategy == NAME
    service.strategy_freeze(name=NAME, reason="odd")
    assert newest().strategy == "cross_exchange_arb"
