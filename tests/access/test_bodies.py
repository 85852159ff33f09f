"""Bodies are read strictly: what two readers could understand differently is refused."""

import json

import pytest

from propbot.http.parsers import StrictJSONError, strict_loads
from tests.access.people import Cast
from tests.access.probe_urls import ProbeBody

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.probe_urls")]

NOT_NUMBERS = [
    "true", "null", '""', '" 1"', '"1 "', '"1_000"', '"\uff11"', '"١٢٣"', '"0x10"', '"NaN"', '"Infinity"', '"1e99"', "1e99",
    "1e-30", '"--1"', '"1,5"', "[1]", "{}", '"1' + "0" * 38 + '"', "1" + "0" * 40, '"1e"', '"\\u0661"', '"½"',
]  # fmt: skip
NOT_BODIES = [
    "[]", '"text"', "1", "{", "{'a': 1}", '{"amount": NaN}', '{"amount": Infinity}', '{"amount": -Infinity}',
    '{"amount": 1, "amount": 2}', '{"amount": 1}{"amount": 2}', '{"amount": 1,}', '{"amount": 01}',
    "[" * 100 + "]" * 100, '{"a":' * 50 + "1" + "}" * 50, '{"amount": ' + "9" * 5000 + "}", "\ufeff{}", "nul\x00l",
    '{"\\ud800": 1}', '{"amount": "1", "reason": "\\udfff"}', '{"amount": {"\\ud83d": 1}}', '{"amount": ["\\ude00"]}',
]  # fmt: skip


@pytest.mark.parametrize("number", NOT_NUMBERS)
def test_what_is_no_number_is_400_and_names_the_field(cast: Cast, number: str) -> None:
    answer = cast.alice.post("/probe", f'{{"amount": {number}}}')
    assert answer.status_code == 400
    body = answer.json()
    if "field" in body:
        assert (body["error"], body["field"]) == ("invalid_number", "amount")
        assert body["detail"]["error"] == "invalid_number"
    else:
        assert number in ("null", "1" + "0" * 40, "1e99", "1e-30") or body["error"] == "invalid_body"


@pytest.mark.parametrize("body", NOT_BODIES)
def test_what_is_no_body_is_400(cast: Cast, body: str) -> None:
    assert cast.alice.post("/probe", body).status_code == 400


@pytest.mark.parametrize(
    ("field", "value"), [("amount", "0"), ("amount", "-1"), ("threshold", "-0.1"), ("count", "1.5"), ("count", "11")]
)
def test_bounds_are_checked_per_field(cast: Cast, field: str, value: str) -> None:
    answer = cast.alice.post("/probe", {"amount": "1", field: value})
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (400, "invalid_number", field)


@pytest.mark.parametrize("number", ["1", '"1"', "1.5", '"1.50"', '".5"', '"1e3"', "1e-18", "1e18", '"+1"'])
def test_numbers_are_read_exactly(cast: Cast, number: str) -> None:
    answer = cast.alice.post("/probe", f'{{"amount": {number}}}')
    assert answer.status_code == 200
    assert "e" not in answer.json()["amount"].lower()


@pytest.mark.parametrize(
    "name", ["status", "requested_by_id", "executed_at", "is_superuser", "id", "amount ", "__proto__"]
)
def test_a_field_that_is_not_known_is_400(cast: Cast, name: str) -> None:
    answer = cast.alice.post("/probe", {"amount": "1", name: "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_body")


def test_every_post_accepts_a_reason_of_bounded_length(cast: Cast) -> None:
    assert cast.alice.post("/probe", {"amount": "1", "reason": "because"}).status_code == 200
    assert cast.alice.post("/probe", {"amount": "1", "reason": "x" * 1001}).status_code == 400


@pytest.mark.parametrize("body", ["{", "[]", '{"a": NaN}', "x"])
def test_a_body_that_cannot_be_read_is_never_taken_for_an_empty_one(cast: Cast, body: str) -> None:
    assert cast.alice.post("/probe/stop", body).status_code == 400


def test_an_empty_body_is_an_empty_object(cast: Cast) -> None:
    assert cast.alice.post("/probe/stop", "").status_code == 200


def test_a_body_that_is_too_large_is_413(cast: Cast) -> None:
    assert cast.alice.post("/probe", json.dumps({"reason": "x" * 70_000})).status_code == 413


def test_bytes_that_are_no_text_are_400(cast: Cast) -> None:
    assert cast.alice.post("/probe", b'{"amount": "\xff"}').status_code == 400


def test_errors_carry_the_code_inside_and_beside(cast: Cast) -> None:
    answer = cast.alice.post("/probe", {"amount": "1", "reason": "refuse"})
    assert answer.status_code == 423
    assert answer.json() == {
        "detail": {"error": "no_way", "message": "this cannot be", "cap": "5"},
        "error": "no_way",
        "cap": "5",
    }


def test_money_is_written_plainly_as_text(cast: Cast) -> None:
    assert cast.alice.get("/probe").json()["money"] == "0.00000001"


@pytest.mark.parametrize("text", ["NaN", '{"a":1,"a":1}', "[" * 20 + "]" * 20])
def test_the_same_reader_serves_other_entrances(text: str) -> None:
    with pytest.raises(StrictJSONError):
        strict_loads(text)


def test_a_whole_surrogate_pair_is_text_and_half_of_one_is_not() -> None:
    assert strict_loads('{"\\ud83d\\ude00": "\\u00e9"}') == {"\U0001f600": "\u00e9"}
    for half in ('{"a": "\\ud83d"}', '{"\\ude00": 1}', '["\\ud83d\\u0041"]', '{"a": "\ud800"}'):
        with pytest.raises(StrictJSONError, match="surrogate"):
            strict_loads(half)


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert strict_loads('{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[\\"["}') == {"a": '[[[[[[[[[[[[[[[[[[[[[[[[[["['}


def test_a_secret_that_slips_into_a_reason_is_blanked_at_the_door() -> None:
    read = ProbeBody(data={"amount": "1", "reason": "rotate: password=hunter2-hunter2, please"})
    assert read.is_valid()
    assert read.validated_data["reason"] == "rotate: password=[redacted], please"
