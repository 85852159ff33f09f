"""Retention: in batches, within its time, and never of what is recorded."""

import ast
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from propbot.upkeep.pruning import rows_prune
from tests.house.source import ROOT, python_files
from trading.models import BasisSample

PRUNED = {"Opportunity", "HedgeAttempt", "BasisSample", "GovernorSample"}
NOW = datetime(2026, 1, 10, tzinfo=UTC)


def samples(count: int, age: timedelta) -> None:
    rows = [
        BasisSample(symbol=f"S{number}USDT", venue_a="a", venue_b="b", basis_bps=1, at=NOW - age)
        for number in range(count)
    ]
    BasisSample.objects.bulk_create(rows)


def old() -> "object":
    return BasisSample.objects.filter(at__lt=NOW - timedelta(days=7))


@pytest.mark.django_db
def test_a_backlog_goes_in_statements_of_one_batch_each() -> None:
    samples(25, timedelta(days=8))
    samples(3, timedelta(days=6))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert rows_prune(old(), batch=10) == 25  # type: ignore[arg-type]
    assert [query["sql"].split()[0] for query in asked.captured_queries if "DELETE" in query["sql"]] == ["DELETE"] * 3
    assert BasisSample.objects.count() == 3


@pytest.mark.django_db
def test_what_does_not_fit_into_the_time_waits_for_the_next_run() -> None:
    samples(25, timedelta(days=8))
    assert rows_prune(old(), batch=10, seconds=-1) == 10  # type: ignore[arg-type]
    assert rows_prune(old(), batch=10, seconds=-1) == 10  # type: ignore[arg-type]
    assert rows_prune(old(), batch=10, seconds=-1) == 5  # type: ignore[arg-type]
    assert rows_prune(old(), batch=10) == 0  # type: ignore[arg-type]


@pytest.mark.django_db
def test_old_samples_are_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT id FROM trading_basissample WHERE at < %s LIMIT 10", [NOW])
        assert "basis_by_time" in "".join(row[0] for row in cursor.fetchall())


def test_nothing_that_is_recorded_is_ever_pruned() -> None:
    """Orders, fills, the ledger, approvals and the audit trail stay; whoever adds a table here says so in scaling.md."""
    found = set()
    for path in python_files("propbot", "audit", "approvals", "risk", "trading"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "rows_prune":
                source = ast.unparse(node.args[0])
                found.add("HedgeAttempt" if source.startswith("skipped") else source.partition(".")[0])
    assert found == PRUNED
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert all(name in page for name in PRUNED)
