"""Every route is made to do its work once: it answers as the OpenAPI document says, and leaves a record or is published
as one that leaves none. The page of the matrix is current."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from approvals.services.sealed import trader_key_ensure
from audit.models import AuditRecord
from tests.access.bodies import prepared
from tests.access.matrix import Route, cells, spelled, unaudited
from tests.access.page import PAGE, render
from tests.access.people import Cast
from tests.console.hedges import make_hedge
from tests.risk.conftest import figures  # noqa: F401 - a fixture
from tests.trading.market import list_everywhere, put_marks, put_quotes

pytestmark = pytest.mark.django_db(transaction=True)
# On a desk that is not running an entry is refused after its attempt was stored and recorded.
REFUSED_AFTER_THE_RECORD = {"api/arb/execute", "api/arb/confirm"}


@pytest.fixture(autouse=True)
def working(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A desk with a market and without a trader: what is asked of the trader is not waited for."""
    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=100_000, API_RATE_PER_MIN=100_000)
    monkeypatch.setattr("trading.services.submission.WAIT_SECONDS", 0.05)
    with override_settings(DATA_DIR=tmp_path):
        trader_key_ensure()
        list_everywhere("BTCUSDT")
        put_quotes()
        put_marks("88000")
        yield


def test_the_page_is_what_the_matrix_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()


def asked(cast: Cast, route: Route, method: str) -> tuple[Any, bool]:
    """The answer to what the route is for, and whether a record came of it."""
    path, body = (route.path, None) if method == "GET" else prepared(route.pattern, route.path, cast)
    before = AuditRecord.objects.count()
    if "dashboard-" in route.pattern:
        answer = Client(headers={"Authorization": f"Bearer {cast.alice.token}"}).post(path, body)
    else:
        answer = cast.alice.call(method, path, body)
    return answer, AuditRecord.objects.count() > before


def document() -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))["paths"]


def missing_in(paths: Any, route: Route, method: str, answer: Any) -> list[str]:
    """What the document promises of this success and the answer does not hold."""
    described = paths.get(spelled(route), {}).get(method.lower())
    if described is None or not answer["Content-Type"].startswith("application/json"):
        return []
    schema = described["responses"][str(answer.status_code)]["content"].get("application/json", {}).get("schema")
    errors = Draft202012Validator(schema or {}).iter_errors(answer.json())
    return [f"{method} {route.pattern} {answer.status_code}: {str(error.message)[:200]}" for error in errors]


def test_every_route_works_answers_as_described_and_is_recorded_as_published(cast: Cast, figures: Any) -> None:  # noqa: F811
    for changes in ({}, {"status": "partial"}, {"simulated": True}):
        make_hedge(**changes)
    paths, silent, undone, missing = document(), set(), [], []
    for route, method, _ in cells():
        answer, recorded = asked(cast, route, method)
        fits = (423,) if route.pattern in REFUSED_AFTER_THE_RECORD else (200, 202)
        if answer.status_code not in fits:
            undone.append((method, route.pattern, answer.status_code, answer.content[:200]))
        else:
            missing += missing_in(paths, route, method, answer)
        if not recorded:
            silent.add((method, route.pattern))
    assert undone == []
    assert missing == []
    assert silent == unaudited()
