"""Strict parsing: what is missing is safe, what cannot be read is named."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propbot import config, env


def value_of(name: str, environ: dict[str, str]) -> object:
    values, problems = env.read(config.SETTINGS, environ)
    assert problems == ()
    return values.table[name]


@pytest.mark.parametrize("text", ["true", "TRUE", "True", "1", "yes", "YES", "on", "On"])
def test_a_flag_is_true_only_when_it_says_so(text: str) -> None:
    assert value_of("DRY_RUN_ONLY", {"DRY_RUN_ONLY": text}) is True


@pytest.mark.parametrize("text", ["false", "FALSE", "False", "0", "no", "off", "Off", "NO"])
def test_a_flag_is_false_only_when_it_says_so(text: str) -> None:
    assert value_of("DRY_RUN_ONLY", {"DRY_RUN_ONLY": text}) is False


@pytest.mark.parametrize("text", ["f", "t", "none", "null", "2", "tru", "'false'", "enabled", "-1", " true", "true "])
def test_any_other_spelling_of_a_flag_is_fatal_and_keeps_the_safe_value(text: str) -> None:
    values, problems = env.read(config.SETTINGS, {"DRY_RUN_ONLY": text})
    assert values.flag("DRY_RUN_ONLY") is True
    assert [(problem.name, "DRY_RUN_ONLY" in problem.cure) for problem in problems] == [("DRY_RUN_ONLY", True)]


def test_what_is_missing_takes_the_safe_value() -> None:
    values, problems = env.read(config.SETTINGS, {})
    assert problems == ()
    flags = {name: values.flag(name) for name in ("SAFE_MODE", "DRY_RUN_ONLY", "DRY_RUN_MODE", "TWO_MAN_RULE")}
    assert set(flags.values()) == {True}
    assert not values.flag("AUTOPILOT_ENABLE")
    assert not values.flag("ENABLE_PLACE_TEST_ORDERS")
    assert not values.flag("AUTO_HEDGE_ENABLED")


@pytest.mark.parametrize("text", ["NaN", "inf", "-inf", "-1", "0", "1e99", "١٢٣", "1,000", "1_000", "0x10", ""])
def test_a_limit_never_becomes_unlimited(text: str) -> None:
    values, problems = env.read(config.SETTINGS, {"MAX_TOTAL_NOTIONAL_USDT": text})
    assert values.decimal("MAX_TOTAL_NOTIONAL_USDT") == Decimal(75000)
    assert bool(problems) is bool(text)


def test_a_blank_venue_limit_is_the_one_limit_that_a_blank_disables() -> None:
    assert value_of("MAX_NOTIONAL_PER_EXCHANGE", {"MAX_NOTIONAL_PER_EXCHANGE": ""}) == {}


@pytest.mark.parametrize("name", ["MAX_OPEN_ORDERS__okx_perp", "MAX_OPEN_ORDERS__OKX_PERP"])
def test_a_venue_may_have_its_own_limit(name: str) -> None:
    values, problems = env.read(config.SETTINGS, {name: "7"})
    assert problems == ()
    assert values.scoped("MAX_OPEN_ORDERS") == {"okx-perp": Decimal(7)}


def test_a_bad_limit_of_a_symbol_is_named_in_full() -> None:
    _, problems = env.read(config.SETTINGS, {"MAX_POSITION_USDT__BTCUSDT": "lots"})
    assert [problem.name for problem in problems] == ["MAX_POSITION_USDT__BTCUSDT"]


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("from a file\n")
    assert value_of("APPROVE_TOKEN", {"APPROVE_TOKEN_FILE": str(secret)}) == "from a file"


def test_an_unreadable_file_is_fatal_and_names_its_variable(tmp_path: Path) -> None:
    _, problems = env.read(config.SETTINGS, {"APPROVE_TOKEN_FILE": str(tmp_path / "absent")})
    assert [problem.name for problem in problems] == ["APPROVE_TOKEN"]


def test_an_older_name_is_still_read() -> None:
    assert value_of("MAX_DAILY_LOSS_USDT", {"MAX_DAILY_LOSS_USD": "12.5"}) == Decimal("12.5")


@given(st.text(max_size=60))
def test_no_text_makes_a_decimal_that_is_not_finite(text: str) -> None:
    try:
        value = env.parse_decimal(text)
    except env.BadValueError:
        return
    assert value.is_finite()
    assert abs(value) < Decimal("1e19")
