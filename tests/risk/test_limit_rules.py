"""The rules of every limit: names, scopes, values that cannot be, and what loosens."""

from decimal import Decimal

import pytest

from risk.limits import (
    INFINITE,
    RULES,
    LimitsTable,
    full_name,
    is_raise,
    limits_table,
    plain_number,
    scope_named,
    split_name,
    value_problem,
)

D = Decimal
TICK = D("0.000000000000000001")
TABLE = limits_table(
    4,
    [
        ("MAX_TOTAL_NOTIONAL_USDT", "", "75000"),
        ("MAX_TOTAL_NOTIONAL_USD", "", None),
        ("MAX_DAILY_LOSS_USDT", "", "2500"),
        ("MAX_POSITION_USDT", "", "25000"),
        ("MAX_POSITION_USDT", "ETHUSDT", "10000"),
        ("MAX_NOTIONAL_PER_EXCHANGE", "okx-perp", "50000"),
        ("MAX_OPEN_ORDERS", "", "5"),
        ("MAX_UNREALIZED_LOSS_USD", "", "0"),
    ],
)

# name: unit, scope, whole, 0 disables, 0 allowed, nullable, maximum (SPEC 13)
EXPECTED = {
    "MAX_OPEN_POSITIONS": ("hedges", "", True, False, False, False, None),
    "MAX_TOTAL_NOTIONAL_USDT": ("USDT", "", False, False, False, False, None),
    "MAX_NOTIONAL_PER_POSITION_USDT": ("USDT", "", False, False, False, False, None),
    "MAX_NOTIONAL_PER_EXCHANGE": ("USDT", "venue", False, False, False, False, None),
    "MAX_POSITION_USDT": ("USDT", "symbol", False, False, False, False, None),
    "MAX_OPEN_ORDERS": ("orders", "venue", True, False, False, False, None),
    "MAX_LEVERAGE": ("x", "", False, False, False, False, D(125)),
    "MAX_DAILY_LOSS_USDT": ("USDT", "", False, True, False, False, None),
    "MAX_TOTAL_NOTIONAL_USD": ("USDT", "", False, True, False, True, None),
    "MAX_UNREALIZED_LOSS_USD": ("USDT", "", False, True, False, False, None),
    "CLOCK_SKEW_HOLD_THRESHOLD_MS": ("ms", "", True, True, False, False, None),
    "MAX_ORDERS_PER_MIN": ("orders", "", True, False, False, False, None),
    "MAX_CANCELS_PER_MIN": ("cancels", "", True, False, False, False, None),
    "EDGE_MAX_SLIPPAGE_BPS": ("bps", "", False, False, True, False, None),
    "EDGE_MAX_FAILURE_RATE": ("share", "", False, False, True, False, D(1)),
    "EDGE_HEAVY_EXPOSURE_USDT": ("USDT", "", False, False, True, False, None),
}


def test_the_rules_are_those_of_the_settings() -> None:
    found = {
        rule.name: (
            rule.unit,
            rule.scope,
            rule.whole,
            rule.zero_disables,
            rule.zero_allowed,
            rule.nullable,
            rule.maximum,
        )
        for rule in RULES.values()
    }
    assert found == EXPECTED


def test_a_cap_is_named_in_lower_case() -> None:
    assert RULES["MAX_OPEN_ORDERS"].cap == "max_open_orders"


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("MAX_LEVERAGE", "125", False),
        ("MAX_LEVERAGE", "125.000000000000000001", True),
        ("MAX_TOTAL_NOTIONAL_USDT", "0", True),
        ("MAX_TOTAL_NOTIONAL_USDT", "0.000000000000000001", False),
        ("MAX_TOTAL_NOTIONAL_USDT", "-0.000000000000000001", True),
        ("MAX_DAILY_LOSS_USDT", "0", False),
        ("MAX_DAILY_LOSS_USDT", "-1", True),
        ("EDGE_MAX_SLIPPAGE_BPS", "0", False),
        ("EDGE_MAX_FAILURE_RATE", "1", False),
        ("EDGE_MAX_FAILURE_RATE", "1.01", True),
        ("MAX_OPEN_POSITIONS", "3", False),
        ("MAX_OPEN_POSITIONS", "3.5", True),
        ("MAX_TOTAL_NOTIONAL_USDT", "NaN", True),
        ("MAX_TOTAL_NOTIONAL_USDT", "Infinity", True),
        ("MAX_DAILY_LOSS_USDT", "-Infinity", True),
        ("EDGE_MAX_FAILURE_RATE", "sNaN", True),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, value: str, refused: bool) -> None:
    assert (value_problem(RULES[name], D(value)) is not None) is refused


def test_each_refusal_tells_its_own_reason() -> None:
    reasons = [
        value_problem(RULES["MAX_LEVERAGE"], D("NaN")),
        value_problem(RULES["MAX_LEVERAGE"], D(0)),
        value_problem(RULES["MAX_OPEN_POSITIONS"], D("1.5")),
        value_problem(RULES["MAX_LEVERAGE"], D(126)),
    ]
    assert reasons == [
        "it is not finite",
        "it must be above 0",
        "it must be a whole number",
        "it is above the maximum 125",
    ]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("max_open_positions", ("MAX_OPEN_POSITIONS", "")),
        (" MAX_DAILY_LOSS_USD ", ("MAX_DAILY_LOSS_USDT", "")),
        ("MAX_POSITION_USDT__btcusdt", ("MAX_POSITION_USDT", "BTCUSDT")),
        ("MAX_OPEN_ORDERS__OKX_perp", ("MAX_OPEN_ORDERS", "okx-perp")),
        ("MAX_NOTIONAL_PER_EXCHANGE__okx_perp", ("MAX_NOTIONAL_PER_EXCHANGE", "okx-perp")),
        ("MAX_NOTIONAL_PER_EXCHANGE", None),
        ("MAX_LEVERAGE__BTCUSDT", None),
        ("MAX_EVERYTHING", None),
        ("", None),
    ],
)
def test_a_name_names_a_limit_or_nothing(text: str, key: tuple[str, str] | None) -> None:
    assert split_name(text) == key


def test_a_name_is_shown_with_its_scope() -> None:
    assert full_name("MAX_OPEN_ORDERS", "okx-perp") == "MAX_OPEN_ORDERS__okx-perp"
    assert full_name("MAX_OPEN_ORDERS", "") == "MAX_OPEN_ORDERS"
    assert scope_named(RULES["MAX_OPEN_ORDERS"], "Binance_UM") == "binance-um"
    assert scope_named(RULES["MAX_POSITION_USDT"], "eth_usdt") == "ETH_USDT"


def test_an_override_wins_and_the_base_stands_for_the_rest() -> None:
    assert TABLE.scoped("MAX_POSITION_USDT", "ETHUSDT") == D(10000)
    assert TABLE.scoped("MAX_POSITION_USDT", "BTCUSDT") == D(25000)
    assert TABLE.effective("MAX_POSITION_USDT", "ETHUSDT") == D(10000)
    assert TABLE.effective("MAX_POSITION_USDT", "") == D(25000)
    assert TABLE.version == 4


def test_zero_is_no_limit_only_where_it_disables() -> None:
    assert TABLE.value("MAX_UNREALIZED_LOSS_USD") == INFINITE
    zero = TABLE.with_value("MAX_OPEN_ORDERS", "", D(0))
    assert zero.value("MAX_OPEN_ORDERS") == D(0)
    assert zero.version == 4


def test_a_limit_without_a_row_or_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        TABLE.value("MAX_LEVERAGE")
    with pytest.raises(KeyError):
        TABLE.value("MAX_TOTAL_NOTIONAL_USD")


def test_the_governors_exposure_falls_back_to_the_caps() -> None:
    assert TABLE.governor_notional() == D(75000) == TABLE.effective("MAX_TOTAL_NOTIONAL_USD", "")
    own = TABLE.with_value("MAX_TOTAL_NOTIONAL_USD", "", D(60000))
    assert own.governor_notional() == D(60000) == own.effective("MAX_TOTAL_NOTIONAL_USD", "")
    assert TABLE.with_value("MAX_TOTAL_NOTIONAL_USD", "", D(0)).governor_notional() == INFINITE


def test_a_table_of_venues_blocks_those_that_it_does_not_name() -> None:
    assert TABLE.per_venue() == {"okx-perp": D(50000)}
    assert TABLE.venue_notional("okx-perp") == D(50000)
    assert TABLE.venue_notional("binance-um") == D(0)
    assert TABLE.effective("MAX_NOTIONAL_PER_EXCHANGE", "binance-um") == D(0)
    assert LimitsTable(1, {}).venue_notional("okx-perp") == INFINITE
    named_but_empty = LimitsTable(
        1, {("MAX_NOTIONAL_PER_EXCHANGE", "x"): None, ("MAX_NOTIONAL_PER_EXCHANGE", ""): D(1)}
    )
    assert named_but_empty.per_venue() == {}


@pytest.mark.parametrize(
    ("name", "scope", "value", "raises"),
    [
        ("MAX_TOTAL_NOTIONAL_USDT", "", D(75000), False),
        ("MAX_TOTAL_NOTIONAL_USDT", "", D(75000) + TICK, True),
        ("MAX_TOTAL_NOTIONAL_USDT", "", D(75000) - TICK, False),
        ("MAX_DAILY_LOSS_USDT", "", D(0), True),
        ("MAX_UNREALIZED_LOSS_USD", "", D(5), False),
        ("MAX_UNREALIZED_LOSS_USD", "", D(0), False),
        ("MAX_POSITION_USDT", "ETHUSDT", D(20000), True),
        ("MAX_POSITION_USDT", "BTCUSDT", D(20000), False),
        ("MAX_NOTIONAL_PER_EXCHANGE", "binance-um", D(1), True),
        ("MAX_TOTAL_NOTIONAL_USD", "", D(75001), True),
        ("MAX_TOTAL_NOTIONAL_USD", "", D(74999), False),
    ],
)
def test_more_than_what_stands_loosens(name: str, scope: str, value: Decimal, raises: bool) -> None:
    assert is_raise(TABLE, name, scope, value) is raises


@pytest.mark.parametrize(
    ("value", "text"),
    [("75000", "75 000"), ("999", "999"), ("1234567.50", "1 234 567.5"), ("0.25", "0.25"), ("1E+3", "1 000")],
)
def test_numbers_are_grouped_for_people(value: str, text: str) -> None:
    assert plain_number(D(value)) == text
