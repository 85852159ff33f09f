"""A few of the generated requests that ``make schema-fuzz`` asks by the twenty thousand."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from tools.schema_fuzz.findings import Findings
from tools.schema_fuzz.fuzz import fuzz


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(300)
def test_no_generated_request_meets_a_fault_or_an_answer_that_is_not_described(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=100_000, API_RATE_PER_MIN=100_000)
    with override_settings(DATA_DIR=tmp_path):
        found = fuzz(300, seed_=1)
    assert found.total >= 300
    assert dict(found.faults) == {}


def test_findings_of_several_runs_add_up() -> None:
    first, second = Findings(), Findings()
    for found, status in ((first, 200), (second, 403)):
        found.asked["alice"] += 2
        found.statuses[status] += 2
    second.note("status 500", "an example")
    first.add(json.loads(json.dumps(second.document())))
    assert (first.total, dict(first.statuses)) == (4, {200: 2, 403: 2})
    assert (dict(first.faults), first.examples) == ({"status 500": 1}, {"status 500": "an example"})
