"""What an answer looks like on the wire, written by the fast writer and by the other alike."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from propbot.http.renderers import DeskEncoder, DeskJSONRenderer, jsonable
from trading.choices import HedgeStatus

AT = datetime(2026, 11, 22, 23, 59, 59, 500000, tzinfo=UTC)


def written(document: Any, media: str = "application/json") -> str:
    return DeskJSONRenderer().render(document, media).decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.010"), '"0.010"'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("1E-8"), '"0.00000001"'),
        (Decimal("NaN"), "null"),
        (AT, '"2026-11-22T23:59:59.500000Z"'),
        (AT.replace(microsecond=0), '"2026-11-22T23:59:59Z"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (HedgeStatus.OPEN, '"open"'),
        ((1, None, True), "[1,null,true]"),
        ({"é": "ü"}, '{"é":"ü"}'),
        ({1: 2}, '{"1":2}'),
        (10**30, "1" + "0" * 30),
        ("a\u2028b", '"a\\u2028b"'),
    ],
)
def test_values_are_written_as_the_contract_has_them(value: Any, text: str) -> None:
    assert written({"it": value}) == f'{{"it":{text}}}'


def test_both_writers_write_the_same() -> None:
    document = {
        "rows": [{"id": UUID(int=7), "at": AT, "price": Decimal("90000.1"), "ms": 1.5, "ok": False, "who": None}]
    }
    slow = json.dumps(document, cls=DeskEncoder, separators=(",", ":"))
    assert written(document) == slow
    assert jsonable(document) == json.loads(slow)


def test_a_whole_number_stays_exact_whatever_its_size() -> None:
    assert jsonable({"count": 10**30}) == {"count": 10**30}


def test_an_indent_is_still_given_to_who_asks_for_one() -> None:
    assert written({"a": 1}, "application/json; indent=2") == '{\n  "a": 1\n}'


def test_a_time_of_another_zone_names_its_zone() -> None:
    told = jsonable({"at": AT.astimezone(timezone(timedelta(hours=2)))})["at"]
    assert datetime.fromisoformat(told) == AT
