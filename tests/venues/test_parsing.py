"""Strict readers: a changed type, a missing field or no number is an error that names the field (B26, C3, C12, C13)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.venues import parsing
from trading.venues.parsing import FieldError

NOT_NUMBERS = [
    1,
    1.5,
    True,
    None,
    [],
    {},
    "",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "1E+1000000",
    "0x10",
    " 1",
    "1,5",
    "\uff19",
    "1" * 39,
]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_no_decimal_in_text_is_no_number(value: Any) -> None:
    with pytest.raises(FieldError, match="price"):
        parsing.number({"price": value}, "price")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=8))
def test_a_number_is_read_exactly_and_written_plainly(value: Decimal) -> None:
    text = parsing.plain(value)
    assert "E" not in text
    assert parsing.number({"x": text}, "x") == value


def test_an_absent_optional_number_is_none_and_a_broken_one_is_an_error() -> None:
    assert parsing.optional_number({}, "x") is None
    assert parsing.optional_number({"x": ""}, "x") is None
    assert parsing.optional_price({"x": "0"}, "x") is None
    with pytest.raises(FieldError):
        parsing.optional_number({"x": 0}, "x")


@pytest.mark.parametrize("value", [None, True, 0, -1, 1.5, "", "1e3", "soon", 10**15, "9" * 20, []])
def test_what_is_no_epoch_is_no_time(value: Any) -> None:
    with pytest.raises(FieldError):
        parsing.moment({"ts": value}, "ts")


def test_a_time_is_aware_and_exact() -> None:
    assert parsing.moment({"ts": "1767225600001"}, "ts") == datetime(2026, 1, 1, microsecond=1000, tzinfo=UTC)
    assert parsing.epoch_ms(datetime(2026, 1, 1, microsecond=1000, tzinfo=UTC)) == 1767225600001


@pytest.mark.parametrize(
    "text", ["NaN", '{"a": Infinity}', "{", '{"a":1,"a":2}', '{"a":' + "9" * 5000 + "}", "[" * 90000]
)
def test_what_is_no_plain_json_is_nothing(text: str) -> None:
    assert parsing.read_json(text) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_readers_answer_or_raise_their_own_error_on_anything(value: Any) -> None:
    for read in (parsing.row, parsing.rows, lambda found: parsing.levels(found, Decimal(1))):
        try:
            read(value)
        except FieldError:
            continue


@pytest.mark.parametrize("side", [[["1"]], [["0", "1"]], [["1", "0"]], [["-1", "1"]], [[1, 1]], [None], "x", None])
def test_a_level_without_price_and_size_is_refused(side: Any) -> None:
    with pytest.raises(FieldError):
        parsing.levels(side, Decimal(1))


def test_a_flag_is_a_boolean_or_okx_text() -> None:
    assert parsing.flag({"x": "true"}, "x")
    assert not parsing.flag({"x": False}, "x")
    for value in ("yes", 1, None, []):
        with pytest.raises(FieldError):
            parsing.flag({"x": value}, "x")
