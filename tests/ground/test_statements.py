"""Prewritten statements: several questions in one, and rows whose columns the server computes."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from propbot import statements
from propbot.clock import utc_now
from propbot.statements import Question, ask, ask_together
from risk.choices import BlockSource
from risk.models import EntryBlock

pytestmark = pytest.mark.django_db
KINDS = """
SELECT 1.50::numeric(8, 2), %s::text, %s::timestamptz, true, NULL::text, 7::bigint,
       '11111111-1111-1111-1111-111111111111'::uuid, ARRAY['a', 'b,"c']::text[]
"""


def test_every_kind_of_value_comes_as_it_does_alone() -> None:
    question = Question(KINDS, ["ä \\ 'x' ,(\")", utc_now()], list)
    assert ask_together(question) == [ask(question)]
    [row] = ask(question)
    assert (row[0], row[5], row[6]) == (Decimal("1.50"), 7, UUID(int=0x11111111111111111111111111111111))


def test_several_questions_are_one_statement_and_answer_in_their_order() -> None:
    named = Question("SELECT n FROM generate_series(1, %(most)s) AS n ORDER BY n DESC", {"most": 3}, list)
    other = Question("SELECT %(most)s::int * 2", {"most": 5}, lambda found: found[0][0])
    with CaptureQueriesContext(connection) as seen:
        answers = ask_together(named, other, Question("SELECT 1 WHERE false", (), list))
    assert answers == [[(3,), (2,), (1,)], 10, []]
    assert len(seen) == 1


def test_a_models_rows_are_its_rows_in_company_too() -> None:
    kept = {"symbol": "BTCUSDT", "venue": "", "source": BlockSource.OPERATOR, "reason": "because", "since": utc_now()}
    row = EntryBlock.objects.create(**kept, details={"one": [1, None, "ü"]}, last_seen_at=utc_now())
    asked = statements.rows_of(EntryBlock, "WHERE symbol = %s", ["BTCUSDT"], beside="1 + 1")
    [[(together, beside)]] = ask_together(asked)
    assert (beside, together.details, together._state.adding) == (2, row.details, False)
    assert [vars(one) | {"_state": None} for one, _ in ask(asked)] == [vars(together) | {"_state": None}]


def test_one_question_that_fails_fails_them_all() -> None:
    with pytest.raises(DatabaseError):
        ask_together(Question("SELECT 1", (), list), Question("SELECT 1 / %s", [0], list))


def test_columns_that_the_server_computes_are_not_sent() -> None:
    now = utc_now()
    block = EntryBlock(symbol="ETHUSDT", source=BlockSource.OPERATOR, reason="x", since=now, last_seen_at=now)
    later = {"since": "%s::timestamptz + interval '1 hour'"}
    insert, params = statements.insert_with(block, later, [now])
    statements.rows(f"{insert} RETURNING id", params)
    stored = EntryBlock.objects.get(symbol="ETHUSDT")
    assert (stored.since, stored.last_seen_at) == (now + timedelta(hours=1), now)
