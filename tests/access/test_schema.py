"""The OpenAPI document says what the code does."""

import json
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.access.matrix import cells, spelled
from tests.access.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


def test_every_cell_of_the_matrix_is_described(document: Any) -> None:
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    for route, method, _ in cells():
        path = spelled(route)
        if path != "/api/schema":
            assert (path, method) in described


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


def test_every_write_describes_its_body_and_its_refusals(document: Any) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert {"200", "401", "403"} <= set(operation["responses"]), path
            assert operation["security"] == [{"bearer": []}, {"session": []}]
            if method in ("post", "patch"):
                assert "requestBody" in operation, path
                assert {"400", "409", "423", "429"} <= set(operation["responses"]), path


def test_the_document_is_for_people_with_a_role(cast: Cast) -> None:
    assert cast.vera.get("/api/schema").status_code == 200
    assert cast.vera.get("/docs").status_code == 200
