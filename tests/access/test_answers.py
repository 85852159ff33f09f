"""The fields of the contract, as the OpenAPI document names them; tests/access/test_published.py asks every route."""

import pytest
from jsonschema import Draft202012Validator

from propbot.http.answers import ANSWERS, PENDING, shape_of
from tests.access.matrix import cells, spelled

# No JSON object with names of its own: the document itself, two texts, and an object keyed by venue.
WITHOUT_FIELDS = {"/api/schema", "/api/ui/ops_report.csv", "/api/ui/audit/export", "/api/ui/exchange_health"}


def test_every_named_answer_is_one_of_a_route() -> None:
    known = {f"{method} {spelled(route)}" for route, method, _ in cells()}
    assert {*ANSWERS, *PENDING} - known == set()


def test_every_route_that_reads_names_its_fields() -> None:
    silent = {spelled(r) for r, method, _ in cells() if method == "GET" and f"GET {spelled(r)}" not in ANSWERS}
    assert silent == WITHOUT_FIELDS


def test_the_notation_is_read_as_it_is_meant() -> None:
    schema = shape_of("a, b?, c[d, e[f]], g?{h}")
    assert schema["required"] == ["a", "b", "c", "g"]
    good = {"a": 1, "b": None, "c": [{"d": 1, "e": [{"f": 1}]}], "g": None, "more": 1}
    assert list(Draft202012Validator(schema).iter_errors(good)) == []
    for bad in ({**good, "c": [{"d": 1}]}, {**good, "g": {}}, {**good, "c": {}}, {"a": 1}):
        assert list(Draft202012Validator(schema).iter_errors(bad)) != []
    with pytest.raises(ValueError, match="not a notation"):
        shape_of("a; b")
